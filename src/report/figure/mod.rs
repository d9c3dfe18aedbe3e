//! Figures: plain numbers → SVG.
//!
//! `canvas.rs` writes shapes, `axis.rs` finds round numbers, `panel.rs` puts both together; then one file for each kind.

mod axis;
mod canvas;
mod confusion;
mod curves;
mod forest;
mod lines;
mod panel;
mod reliability;
mod scatter;

pub use canvas::Svg;
pub use confusion::confusion_matrix;
pub use curves::curve_plots;
pub use forest::{ForestPanel, ForestPlot, forest_plot};
pub use lines::{LineChart, Series, line_chart};
pub use reliability::reliability_plot;
pub use scatter::{ScatterPlot, scatter_plot};
