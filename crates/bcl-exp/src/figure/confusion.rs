//! Confusion matrices: true classes down, predicted ones across. What is confused is seldom and what is right is
//! frequent, so the diagonal has a scale of its own, in grey.

use super::heat::shade;
use super::{FONT, INK, WIDTH, drawn, page};
use anyhow::{Result, ensure};
use plotters::prelude::*;
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The most classes that can be drawn: below that a field would be less than a pixel.
const MOST: usize = 600;

/// The most classes whose names are written.
const NAMED: usize = 40;

/// The least width, pixels, of a field with its number in it.
const NUMBERED: i32 = 28;

/// Characters of a name that are written.
const NAME: usize = 18;

/// About the width of a character of a label, pixels.
const CHARACTER: f64 = 6.4;

/// A confusion matrix.
#[derive(Debug, Clone, Default)]
pub struct ConfusionMap {
    /// What it shows.
    pub title: String,
    /// With what settings.
    pub caption: String,
    /// Names by label.
    pub classes: Vec<String>,
    /// Row after row: per cent of a true class's images by predicted class; `None` for a class without images.
    pub percent: Vec<Option<f64>>,
}

/// Where things are.
struct Layout {
    left: i32,
    wide: i32,
    tall: i32,
    names: Vec<String>,
    /// Room for the names below.
    below: i32,
    turned: bool,
}

impl Layout {
    fn of(classes: &[String]) -> Self {
        let count = classes.len() as i32;
        let named = classes.len() <= NAMED;
        let names: Vec<String> =
            if named { classes.iter().map(|name| shortened(name)).collect() } else { Vec::new() };
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(4);
        let length = (longest as f64 * CHARACTER) as i32;
        let left = length + 14;
        let wide = (WIDTH as i32 - 20 - left - 6) / count;
        let turned = named && length > wide - 2;
        let tall = if named { wide.min(34) } else { wide };
        Self { left, wide, tall, names, below: if turned { length + 10 } else { 22 }, turned }
    }
}

impl ConfusionMap {
    /// Draws it; `None` with more classes than can be drawn.
    ///
    /// # Errors
    /// When there are no classes, the numbers are not those of a matrix, or the drawing library fails.
    pub fn to_svg(&self) -> Result<Option<String>> {
        let count = self.classes.len();
        ensure!(
            count > 0 && self.percent.len() == count * count,
            "confusion map: expected {} numbers of {count} classes, got {}",
            count * count,
            self.percent.len()
        );
        if count > MOST {
            return Ok(None);
        }
        let layout = Layout::of(&self.classes);
        let bottom = layout.tall * count as i32;
        let wrong = |(place, value): (usize, &Option<f64>)| value.filter(|_| place / count != place % count);
        let most = self.percent.iter().enumerate().filter_map(wrong).fold(0.0, f64::max);
        let height = 60 + bottom + layout.below + 60;
        let svg = page(height as u32, &self.title, &self.caption, |area| {
            let frame = [(layout.left, 0), (layout.left + layout.wide * count as i32, bottom)];
            drawn(area.draw(&Rectangle::new(frame, RGBColor(250, 250, 250).filled())))?;
            for (place, value) in self.percent.iter().enumerate() {
                let (row, column) = ((place / count) as i32, (place % count) as i32);
                // What does not occur is left as it is: most fields of a large matrix.
                let Some(value) = value.filter(|value| *value > 0.0 || row == column) else { continue };
                let (x, y) = (layout.left + layout.wide * column, layout.tall * row);
                let share = if row == column { value / 100.0 } else { value / most };
                let fill = if row == column { grey(share) } else { shade(share) };
                let gap = i32::from(layout.wide >= 8);
                let field = [(x + gap, y + gap), (x + layout.wide - gap, y + layout.tall - gap)];
                drawn(area.draw(&Rectangle::new(field, fill.filled())))?;
                if layout.wide >= NUMBERED {
                    let ink = if row != column && share > 0.55 { WHITE } else { INK };
                    let centre = (x + layout.wide / 2, y + layout.tall / 2);
                    let size = if layout.wide >= 40 { 12 } else { 10 };
                    write(area, &format!("{value:.1}"), centre, size, ink, (HPos::Center, VPos::Center))?;
                }
            }
            draw_names(area, &layout, count)?;
            let middle = (frame[0].0 + frame[1].0) / 2;
            let title = "predicted class; rows: true class";
            write(area, title, (middle, bottom + layout.below), 13, INK, (HPos::Center, VPos::Top))?;
            let scale = format!(
                "per cent of the true class's test images; blue: confused, darkest at {most:.1}; grey: right"
            );
            let place = (middle, bottom + layout.below + 20);
            write(area, &scale, place, 12, RGBColor(110, 110, 110), (HPos::Center, VPos::Top))
        })?;
        Ok(Some(svg))
    }
}

/// The names of classes, or, where there are many, ticks with the labels' numbers.
fn draw_names(area: &super::Area<'_>, layout: &Layout, count: usize) -> Result<()> {
    let bottom = layout.tall * count as i32;
    let step = [10, 20, 50].into_iter().find(|step| layout.wide * step >= 30).unwrap_or(100) as usize;
    for class in 0..count {
        let (x, y) = (
            layout.left + layout.wide * class as i32 + layout.wide / 2,
            layout.tall * class as i32 + layout.tall / 2,
        );
        let text = match layout.names.get(class) {
            Some(name) => name.clone(),
            None if class % step == 0 => class.to_string(),
            None => continue,
        };
        write(area, &text, (layout.left - 6, y), 11, INK, (HPos::Right, VPos::Center))?;
        if layout.turned {
            let font = (FONT, 11).into_font().transform(FontTransform::Rotate270).color(&INK);
            let style = font.pos(Pos::new(HPos::Right, VPos::Center));
            drawn(area.draw(&Text::new(text, (x, bottom + 6), style)))?;
        } else {
            write(area, &text, (x, bottom + 5), 11, INK, (HPos::Center, VPos::Top))?;
        }
        if layout.names.is_empty() {
            let ticks = [[(layout.left - 4, y), (layout.left, y)], [(x, bottom), (x, bottom + 4)]];
            for tick in ticks {
                drawn(area.draw(&PathElement::new(tick, INK)))?;
            }
        }
    }
    Ok(())
}

fn write(
    area: &super::Area<'_>,
    text: &str,
    place: (i32, i32),
    size: u32,
    ink: RGBColor,
    (across, along): (HPos, VPos),
) -> Result<()> {
    let style = (FONT, size).into_font().color(&ink).pos(Pos::new(across, along));
    drawn(area.draw(&Text::new(text.to_owned(), place, style)))
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    name.chars().take(NAME - 1).chain(['…']).collect()
}

/// From white to middle grey, on which dark numbers are read.
fn grey(share: f64) -> RGBColor {
    let level = (245.0 - 75.0 * share.clamp(0.0, 1.0)).round() as u8;
    RGBColor(level, level, level)
}
