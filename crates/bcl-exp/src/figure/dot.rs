//! Dots with error bars: one value for each of several settings.

use super::{FONT, INK, WIDTH, colour, drawn, no_data, page, range_of, tick};
use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const ROW: i32 = 26;

/// One dot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dot {
    /// The setting.
    pub label: String,
    /// The figure.
    pub value: f64,
    /// Half length of the error bar.
    pub error: Option<f64>,
    /// Dots of one group have one colour.
    pub group: usize,
}

/// Dots, not bars: the axis does not begin at 0, so positions compare and lengths would mislead.
#[derive(Debug, Clone, Default)]
pub struct DotChart {
    /// What it shows.
    pub title: String,
    /// With what settings.
    pub caption: String,
    /// With unit.
    pub x_label: String,
    /// One a row, from above.
    pub dots: Vec<Dot>,
}

impl DotChart {
    /// Draws it.
    ///
    /// # Errors
    /// When the drawing library fails.
    pub fn to_svg(&self) -> Result<String> {
        let height = (60 + 60 + ROW * self.dots.len().max(2) as i32) as u32;
        let reach = |dot: &Dot| [dot.value - dot.error.unwrap_or(0.0), dot.value + dot.error.unwrap_or(0.0)];
        let Some((low, high)) = range_of(self.dots.iter().flat_map(reach)) else {
            return no_data(height, &self.title, &self.caption);
        };
        page(height, &self.title, &self.caption, |area| {
            let (left, right) = (270, WIDTH as i32 - 90);
            let bottom = ROW * self.dots.len() as i32;
            let at = |value: f64| left + ((value - low) / (high - low) * f64::from(right - left)) as i32;
            let style =
                |size: u32, across, along| (FONT, size).into_font().color(&INK).pos(Pos::new(across, along));
            for step in 0..=4 {
                let value = low + (high - low) * f64::from(step) / 4.0;
                let line = PathElement::new([(at(value), 0), (at(value), bottom)], RGBColor(228, 228, 228));
                drawn(area.draw(&line))?;
                let label = Text::new(
                    tick(value, high - low),
                    (at(value), bottom + 6),
                    style(12, HPos::Center, VPos::Top),
                );
                drawn(area.draw(&label))?;
            }
            for (index, dot) in self.dots.iter().enumerate().filter(|(_, dot)| dot.value.is_finite()) {
                let (top, ink) = (ROW * index as i32, colour(dot.group));
                let middle = top + ROW / 2;
                drawn(area.draw(&Text::new(
                    dot.label.clone(),
                    (left - 8, middle),
                    style(12, HPos::Right, VPos::Center),
                )))?;
                if let Some(error) = dot.error {
                    let ends = [(at(dot.value - error), middle), (at(dot.value + error), middle)];
                    drawn(area.draw(&PathElement::new(ends, INK.stroke_width(2))))?;
                }
                drawn(area.draw(&Circle::new((at(dot.value), middle), 6, ink.filled())))?;
                let text = match dot.error {
                    Some(error) => format!("{:.2} ± {error:.2}", dot.value),
                    None => format!("{:.2}", dot.value),
                };
                let place = (at(dot.value + dot.error.unwrap_or(0.0)) + 6, middle);
                drawn(area.draw(&Text::new(text, place, style(11, HPos::Left, VPos::Center))))?;
            }
            let place = ((left + right) / 2, bottom + 26);
            drawn(area.draw(&Text::new(self.x_label.clone(), place, style(13, HPos::Center, VPos::Top))))
        })
    }
}
