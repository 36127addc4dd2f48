//! The sheet: a column an image, a row for the image itself and one for each of its views.

use super::canvas::{Canvas, LETTER};

/// Side that images are blown up to or kept below, pixels.
const TILE: usize = 96;

/// Space between tiles.
const GAP: usize = 6;

/// Columns side by side; more go on below.
const ACROSS: usize = 10;

/// An image with its views.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its class, or its number.
    pub caption: String,
    /// The image, then its views: bytes by planes, height and width.
    pub pictures: Vec<(Vec<u8>, (usize, usize))>,
}

/// How many times a picture is blown up: a whole number, so that its pixels stay square.
fn scale((height, width): (usize, usize)) -> usize {
    (TILE / height.max(width).max(1)).max(1)
}

/// Draws columns of as many pictures each; `rows` names the rows.
#[must_use]
pub fn sheet(rows: &[String], columns: &[Column]) -> Canvas {
    let across = columns.len().clamp(1, ACROSS);
    let bands = columns.len().div_ceil(ACROSS);
    let shown = |column: &Column| {
        column.pictures.iter().map(|(_, size)| size.0.max(size.1) * scale(*size)).max().unwrap_or(0)
    };
    let tile = columns.iter().map(shown).max().unwrap_or(0).max(TILE) + GAP;
    let margin = rows.iter().map(|row| row.chars().count()).max().unwrap_or(0) * LETTER + 2 * GAP;
    let (caption, line) = (LETTER + GAP, tile);
    let band = caption + rows.len() * line + GAP;
    let mut canvas = Canvas::new(margin + across * tile + GAP, GAP + bands * band);
    for (place, column) in columns.iter().enumerate() {
        let (left, top) = (margin + place % ACROSS * tile, GAP + place / ACROSS * band);
        if place % ACROSS == 0 {
            for (row, name) in rows.iter().enumerate() {
                let middle = top + caption + row * line + (tile - GAP - LETTER) / 2;
                canvas.text((GAP, middle), name, margin);
            }
        }
        canvas.text((left, top), &column.caption, tile - GAP);
        for (row, (planes, size)) in column.pictures.iter().enumerate() {
            canvas.image((left, top + caption + row * line), planes, *size, scale(*size));
        }
    }
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_its_place() {
        let red = ([[255; 4], [0; 4], [0; 4]].concat(), (2, 2));
        let blue = ([[0; 6], [0; 6], [255; 6]].concat(), (2, 3));
        let column = Column { caption: "a much longer caption than fits".into(), pictures: vec![red, blue] };
        let canvas = sheet(&["image".into(), "view 1".into()], &vec![column; 12]);
        assert_eq!(canvas.pixels.len(), 3 * canvas.width * canvas.height);
        let count = |colour: [u8; 3]| canvas.pixels.chunks(3).filter(|pixel| **pixel == colour).count();
        assert_eq!(count([255, 0, 0]), 12 * 96 * 96, "12 squares of 48 x 2, none cut or covered");
        assert_eq!(count([0, 0, 255]), 12 * 96 * 64);
        assert!(count([40; 3]) > 100, "captions");
    }

    #[test]
    fn a_sheet_is_a_png_that_holds_its_pixels() {
        let canvas = sheet(&[], &[]);
        let bytes = canvas.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, canvas.pixels);
    }
}
