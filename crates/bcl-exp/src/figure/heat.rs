//! Heat maps: a value for each pair of two parameters, written into its field.

use super::{FONT, INK, WIDTH, drawn, no_data, page, range_of};
use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const ROW: u32 = 46;

/// A heat map.
#[derive(Debug, Clone, Default)]
pub struct HeatMap {
    /// What it shows.
    pub title: String,
    /// With what settings.
    pub caption: String,
    /// Parameter of the columns.
    pub x_label: String,
    /// Parameter of the rows.
    pub y_label: String,
    /// Values of the columns.
    pub x: Vec<f64>,
    /// Values of the rows, drawn from the bottom up.
    pub y: Vec<f64>,
    /// Row after row; `None` and values that are not finite leave a field empty.
    pub values: Vec<Option<f64>>,
    /// Digits after the point.
    pub digits: usize,
}

impl HeatMap {
    /// Draws it.
    ///
    /// # Errors
    /// When the drawing library fails.
    pub fn to_svg(&self) -> Result<String> {
        let finite = |value: &Option<f64>| value.filter(|value| value.is_finite());
        let height = 60 + 60 + ROW * self.y.len().max(1) as u32;
        let known: Vec<f64> = self.values.iter().filter_map(finite).collect();
        if range_of(known.iter().copied()).is_none() {
            return no_data(height.max(140), &self.title, &self.caption);
        }
        let low = known.iter().copied().fold(f64::INFINITY, f64::min);
        let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        page(height, &self.title, &self.caption, |area| {
            let (left, bottom) = (76, (ROW * self.y.len() as u32) as i32);
            let wide = (WIDTH as i32 - 20 - left - 20) / self.x.len().max(1) as i32;
            let tall = ROW as i32;
            let style = |size: u32, ink: &RGBColor, across, along| {
                (FONT, size).into_font().color(ink).pos(Pos::new(across, along))
            };
            for (row, y) in self.y.iter().enumerate() {
                let top = bottom - tall * (row as i32 + 1);
                let label = Text::new(
                    format!("{y}"),
                    (left - 8, top + tall / 2),
                    style(12, &INK, HPos::Right, VPos::Center),
                );
                drawn(area.draw(&label))?;
                for column in 0..self.x.len() {
                    let value = self.values.get(row * self.x.len() + column).and_then(finite);
                    let corner = left + wide * column as i32;
                    let share =
                        value.map(|value| if high > low { (value - low) / (high - low) } else { 0.5 });
                    let fill = share.map_or(RGBColor(240, 240, 240), shade);
                    let field = [(corner + 1, top + 1), (corner + wide - 1, top + tall - 1)];
                    drawn(area.draw(&Rectangle::new(field, fill.filled())))?;
                    if let (Some(value), Some(share)) = (value, share) {
                        let ink = if share > 0.55 { WHITE } else { INK };
                        let text = format!("{value:.*}", self.digits);
                        let place = (corner + wide / 2, top + tall / 2);
                        drawn(area.draw(&Text::new(
                            text,
                            place,
                            style(14, &ink, HPos::Center, VPos::Center),
                        )))?;
                    }
                }
            }
            for (column, x) in self.x.iter().enumerate() {
                let place = (left + wide * column as i32 + wide / 2, bottom + 8);
                drawn(area.draw(&Text::new(
                    format!("{x}"),
                    place,
                    style(12, &INK, HPos::Center, VPos::Top),
                )))?;
            }
            let middle = left + wide * self.x.len() as i32 / 2;
            drawn(area.draw(&Text::new(
                self.x_label.clone(),
                (middle, bottom + 28),
                style(13, &INK, HPos::Center, VPos::Top),
            )))?;
            drawn(area.draw(&Text::new(
                self.y_label.clone(),
                (4, bottom + 28),
                style(13, &INK, HPos::Left, VPos::Top),
            )))
        })
    }
}

/// From near white to dark blue; lightness falls evenly, so it also reads in grey.
pub(super) fn shade(share: f64) -> RGBColor {
    let mix = |light: f64, dark: f64| (light + (dark - light) * share.clamp(0.0, 1.0)).round() as u8;
    RGBColor(mix(235.0, 8.0), mix(244.0, 64.0), mix(251.0, 129.0))
}
