//! What: Draws results as SVG.
//!
//! Data: Takes series of points. Gives a file. Both axes may be logarithmic, because the values differ by orders of
//! magnitude.
#![expect(clippy::float_arithmetic, reason = "coordinates")]

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;
use plotters::style::full_palette::{BLUE_700, GREY_600, ORANGE_700, TEAL_600};

/// The colours of the series, in their order.
const COLOURS: [RGBColor; 4] = [BLUE_700, ORANGE_700, GREY_600, TEAL_600];
const SIZE: (u32, u32) = (860, 420);

/// A series: its name, and its points.
pub type Series = (String, Vec<(f64, f64)>);

/// What stands on the axes.
#[derive(Debug, Clone, Copy)]
pub struct Titles<'t> {
    /// Above.
    pub chart: &'t str,
    /// Below.
    pub x: &'t str,
    /// Beside.
    pub y: &'t str,
}

/// Draws lines, both axes logarithmic.
///
/// # Errors
/// If the file can't be written.
pub fn lines(file: &Path, titles: Titles<'_>, series: &[Series]) -> anyhow::Result<()> {
    let points = || series.iter().flat_map(|(_, points)| points.iter().copied());
    let (low_x, high_x) = span(points().map(|point| point.0));
    let (low_y, high_y) = span(points().map(|point| point.1));
    let draw = || {
        let root = SVGBackend::new(file, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(titles.chart, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(80)
            .build_cartesian_2d((low_x..high_x).log_scale(), (low_y / 1.5..high_y * 1.5).log_scale())?;
        chart.configure_mesh().x_desc(titles.x).y_desc(titles.y).light_line_style(WHITE).draw()?;
        for ((name, points), colour) in series.iter().zip(COLOURS) {
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x.saturating_add(18), y)], colour.stroke_width(2)));
            chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
        }
        chart.configure_series_labels().background_style(WHITE).border_style(GREY_600).draw()?;
        root.present()
    };
    draw().map_err(|error| anyhow!("drawing {}: {error}", file.display()))
}

/// Draws bars side by side for each group; the bars' axis is logarithmic.
///
/// # Errors
/// If the file can't be written.
pub fn bars(file: &Path, titles: Titles<'_>, groups: &[String], series: &[(String, Vec<f64>)]) -> anyhow::Result<()> {
    let (low, high) = span(series.iter().flat_map(|(_, heights)| heights.iter().copied()));
    let floor = low / 2.0;
    let slot = |ix: usize| f64::from(u32::try_from(ix).unwrap_or(u32::MAX));
    let width = 0.8 / slot(series.len().max(1));
    let name = |x: &f64| {
        let middle = (x - x.round()).abs() < 0.01;
        groups.iter().enumerate().find(|(ix, _)| middle && (slot(*ix) - x).abs() < 0.01).map_or("", |(_, name)| name)
    };
    let draw = || {
        let root = SVGBackend::new(file, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(titles.chart, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(80)
            .build_cartesian_2d(-0.5..slot(groups.len()) - 0.5, (floor..high * 2.0).log_scale())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(groups.len().saturating_mul(2).saturating_add(1))
            .x_label_formatter(&|x| name(x).to_owned())
            .x_desc(titles.x)
            .y_desc(titles.y)
            .light_line_style(WHITE)
            .draw()?;
        for (((name, heights), colour), nth) in series.iter().zip(COLOURS).zip(0..) {
            let bar = |(ix, &height): (usize, &f64)| {
                let left = slot(ix) - 0.4 + width * f64::from(nth);
                Rectangle::new([(left, floor), (left + width * 0.9, height)], colour.filled())
            };
            chart.draw_series(heights.iter().enumerate().map(bar))?.label(name).legend(move |(x, y)| {
                Rectangle::new([(x, y.saturating_sub(5)), (x.saturating_add(12), y.saturating_add(5))], colour.filled())
            });
        }
        chart.configure_series_labels().background_style(WHITE).border_style(GREY_600).draw()?;
        root.present()
    };
    draw().map_err(|error| anyhow!("drawing {}: {error}", file.display()))
}

fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(value), high.max(value)))
}
