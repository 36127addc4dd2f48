//! Line charts with a legend beside the data.

use super::{FONT, INK, PALETTE, WIDTH, colour, drawn, no_data, page, range_of, tick};
use anyhow::Result;
use plotters::prelude::*;

const HEIGHT: u32 = 400;
const LEGEND_WIDTH: u32 = 190;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// A line.
    #[default]
    Line,
    /// A dashed line, for references.
    Dashed,
    /// Points.
    Markers,
    /// Points on a line.
    LineMarkers,
}

/// One line or set of points.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// For the legend.
    pub label: String,
    /// (x, y); points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// (low, high) at each point, drawn as a band.
    pub band: Option<Vec<(f64, f64)>>,
    /// How it is drawn.
    pub style: Style,
}

/// A line chart.
#[derive(Debug, Clone, Default)]
pub struct LineChart {
    /// What it shows.
    pub title: String,
    /// With what settings.
    pub caption: String,
    /// With unit.
    pub x_label: String,
    /// With unit.
    pub y_label: String,
    /// The data.
    pub series: Vec<Series>,
    /// Logarithmic x axis with powers of two; values that are not positive are left out.
    pub log_x: bool,
    /// Logarithmic y axis; values that are not positive are left out.
    pub log_y: bool,
    /// Shown range of y; that of the data by default.
    pub y_range: Option<(f64, f64)>,
}

impl LineChart {
    /// Draws it.
    ///
    /// # Errors
    /// When the drawing library fails.
    pub fn to_svg(&self) -> Result<String> {
        let transform = |y: f64| if self.log_y { if y > 0.0 { y.log10() } else { f64::NAN } } else { y };
        let place = |x: f64| if self.log_x { if x > 0.0 { x.log2() } else { f64::NAN } } else { x };
        let xs = self.series.iter().flat_map(|series| series.points.iter().map(|point| place(point.0)));
        let ys = self.series.iter().flat_map(|series| {
            let bands = series.band.iter().flatten().flat_map(|&(low, high)| [low, high]);
            series.points.iter().map(|point| point.1).chain(bands).map(transform)
        });
        let y_range =
            self.y_range.map(|(low, high)| (transform(low), transform(high))).or_else(|| range_of(ys));
        let (Some((x_low, x_high)), Some((y_low, y_high))) = (range_of(xs), y_range) else {
            return no_data(HEIGHT, &self.title, &self.caption);
        };
        let x_room = (x_high - x_low) / 1.1 * 0.04;
        let (x_low, x_high) = (x_low + x_room, x_high - x_room);
        page(HEIGHT, &self.title, &self.caption, |area| {
            let (plot, legend) = area.split_horizontally(WIDTH - 20 - LEGEND_WIDTH);
            let mut chart = drawn(
                ChartBuilder::on(&plot)
                    .set_label_area_size(LabelAreaPosition::Left, 64)
                    .set_label_area_size(LabelAreaPosition::Bottom, 44)
                    .margin_right(8)
                    .build_cartesian_2d(x_low..x_high, y_low..y_high),
            )?;
            let y_tick = |y: &f64| {
                if self.log_y { log_tick(*y) } else { tick(*y, y_high - y_low) }
            };
            let x_tick = |x: &f64| {
                if self.log_x { power_tick(*x) } else { tick(*x, x_high - x_low) }
            };
            drawn(
                chart
                    .configure_mesh()
                    .light_line_style(TRANSPARENT)
                    .bold_line_style(RGBColor(228, 228, 228))
                    .axis_style(INK)
                    .x_desc(&self.x_label)
                    .y_desc(&self.y_label)
                    .label_style((FONT, 12).into_font().color(&INK))
                    .axis_desc_style((FONT, 13).into_font().color(&INK))
                    .x_label_formatter(&x_tick)
                    .y_label_formatter(&y_tick)
                    .draw(),
            )?;
            for (index, series) in self.series.iter().enumerate() {
                let (ink, style) = (colour(index), style_of(index, series.style));
                let finite = |&(x, y): &(f64, f64)| (x.is_finite() && y.is_finite()).then_some((x, y));
                if let Some(band) = &series.band {
                    let edge = |pick: fn(&(f64, f64)) -> f64| {
                        series
                            .points
                            .iter()
                            .zip(band)
                            .map(move |(&(x, _), pair)| (place(x), transform(pick(pair))))
                    };
                    let outline: Vec<_> = edge(|pair| pair.0)
                        .chain(edge(|pair| pair.1).collect::<Vec<_>>().into_iter().rev())
                        .filter_map(|point| finite(&point))
                        .collect();
                    drawn(chart.draw_series(std::iter::once(Polygon::new(outline, ink.mix(0.15)))))?;
                }
                let points: Vec<_> =
                    series.points.iter().filter_map(|&(x, y)| finite(&(place(x), transform(y)))).collect();
                match style {
                    Style::Dashed => {
                        let line = DashedLineSeries::new(points.iter().copied(), 6, 4, ink.stroke_width(2));
                        drawn(chart.draw_series(line))?;
                    }
                    Style::Line | Style::LineMarkers => {
                        drawn(
                            chart.draw_series(LineSeries::new(points.iter().copied(), ink.stroke_width(2))),
                        )?;
                    }
                    Style::Markers => {}
                }
                if matches!(style, Style::Markers | Style::LineMarkers) {
                    let dots = points.iter().map(|&point| Circle::new(point, 3, ink.filled()));
                    drawn(chart.draw_series(dots))?;
                }
            }
            for (index, series) in self.series.iter().enumerate() {
                let (y, ink) = (20 + 20 * index as i32, colour(index));
                let style = style_of(index, series.style);
                let stroke = match style {
                    Style::Dashed => vec![(8, 14), (18, 24)],
                    Style::Markers => vec![],
                    Style::Line | Style::LineMarkers => vec![(8, 24)],
                };
                for (from, to) in stroke {
                    drawn(legend.draw(&PathElement::new([(from, y), (to, y)], ink.stroke_width(2))))?;
                }
                if matches!(style, Style::Markers | Style::LineMarkers) {
                    drawn(legend.draw(&Circle::new((16, y), 3, ink.filled())))?;
                }
                let text = Text::new(series.label.clone(), (30, y - 6), (FONT, 12).into_font().color(&INK));
                drawn(legend.draw(&text))?;
            }
            Ok(())
        })
    }
}

/// Where the colours begin anew, lines are dashed.
fn style_of(index: usize, style: Style) -> Style {
    if index >= PALETTE.len() && style != Style::Markers { Style::Dashed } else { style }
}

/// A value on a logarithmic axis, two digits: `630`, `0.016`, `2.5e6`.
fn log_tick(exponent: f64) -> String {
    let value = 10f64.powf(exponent);
    let unit = 10f64.powf(exponent.floor() - 1.0);
    let rounded = (value / unit).round() * unit;
    match exponent.floor() as i64 {
        1..=4 => format!("{rounded:.0}"),
        places @ -4..=0 => format!("{rounded:.*}", (1 - places) as usize),
        _ => format!("{value:.1e}"),
    }
}

/// A power of two by its exponent; nothing between them.
fn power_tick(exponent: f64) -> String {
    if exponent.fract().abs() < 1e-9 { format!("{}", exponent.exp2()) } else { String::new() }
}
