//! Figures as SVG: line charts, heat maps, confusion matrices, dots. Opaque white, readable at the width of a README, one
//! palette that people with colour-blindness can tell apart (Okabe and Ito).

mod confusion;
mod dot;
mod heat;
mod line;

pub use confusion::ConfusionMap;
pub use dot::{Dot, DotChart};
pub use heat::HeatMap;
pub use line::{LineChart, Series, Style};

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Width of every figure, pixels.
const WIDTH: u32 = 760;

/// Distinct series; more repeat the colours.
const PALETTE: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
    RGBColor(0, 0, 0),
];

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(40, 40, 40);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn colour(index: usize) -> RGBColor {
    PALETTE[index % PALETTE.len()]
}

/// plotters' errors borrow the figure; only their text outlives it.
fn drawn<T, E: std::fmt::Display>(result: std::result::Result<T, E>) -> Result<T> {
    result.map_err(|error| anyhow!("cannot draw the figure: {error}"))
}

/// A white page with its title and caption; `draw` gets the area below them.
fn page(
    height: u32,
    title: &str,
    caption: &str,
    draw: impl FnOnce(&Area<'_>) -> Result<()>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        drawn(root.fill(&WHITE))?;
        drawn(root.draw(&Text::new(title.to_owned(), (16, 14), (FONT, 18).into_font().color(&INK))))?;
        drawn(root.draw(&Text::new(
            caption.to_owned(),
            (16, 38),
            (FONT, 12).into_font().color(&RGBColor(110, 110, 110)),
        )))?;
        draw(&root.margin(60, 10, 10, 10))?;
        drawn(root.present())?;
    }
    Ok(svg)
}

/// A range that holds all finite values with a little room, wide enough to draw when they are all alike; `None`
/// when there is none.
fn range_of(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return None;
    }
    let room = if high > low { 0.05 * (high - low) } else { 0.5 * low.abs().max(1e-3) };
    Some((low - room, high + room))
}

/// A tick's label: as many digits as the range needs.
fn tick(value: f64, span: f64) -> String {
    if value.abs() >= 1e5 || (value != 0.0 && value.abs() < 1e-3 && span < 1e-2) {
        return format!("{value:.0e}");
    }
    let digits = if span <= 0.0 { 2 } else { (1.5 - span.log10()).ceil().clamp(0.0, 6.0) as usize };
    let text = format!("{value:.digits$}");
    let zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
    if zero { text.trim_start_matches('-').to_owned() } else { text }
}

/// A figure without data says so.
fn no_data(height: u32, title: &str, caption: &str) -> Result<String> {
    page(height, title, caption, |area| {
        let place = (WIDTH as i32 / 2 - 30, height as i32 / 2 - 40);
        drawn(area.draw(&Text::new("no data", place, (FONT, 16).into_font().color(&INK))))
    })
}
