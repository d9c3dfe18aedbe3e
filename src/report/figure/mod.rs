//! Figures: plain numbers → SVG.
//!
//! `canvas.rs` writes shapes, `axis.rs` finds round numbers, `panel.rs` puts both together; then one file for each kind.

mod axis;
mod bands;
mod bars;
mod canvas;
mod cells;
mod confusion;
mod curves;
mod forest;
mod histogram;
mod lines;
mod pairs;
mod panel;
mod reliability;
mod scatter;
mod survival;

pub use bands::{BandChart, BandSeries, band_chart};
pub use bars::{Bar, BarChart, bar_chart};
pub use canvas::Svg;
pub(super) use canvas::{fits_xml, hex};
pub use confusion::confusion_matrix;
pub use curves::curve_plots;
pub use forest::{ForestPanel, ForestPlot, forest_plot};
pub use histogram::{Histogram, histogram};
pub use lines::{LineChart, Series, line_chart};
pub use pairs::{PairMatrix, pair_matrix};
pub use reliability::reliability_plot;
pub use scatter::{ScatterPlot, scatter_plot};
pub use survival::{SurvivalPlot, survival_plot};
