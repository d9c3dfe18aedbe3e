//! Plain values → figures as SVG and pages as HTML that need no other file, no script and no network.
//!
//! Invariants: the same values give the same bytes; every text from outside is escaped; each page is well-formed XML, too;
//! nothing is fetched. What the tiles do not define reads "not defined", never 0.

mod figure;
mod page;
mod words;

pub use figure::{
    ForestPanel, ForestPlot, LineChart, ScatterPlot, Series, Svg, confusion_matrix, curve_plots, forest_plot,
    line_chart, reliability_plot, scatter_plot,
};
pub use page::{
    Calibration, Captioned, Cell, EvaluationPage, Fact, GalleryTile, Note, Page, Part, Picture, Section, Table,
    evaluation_page, evaluation_sections,
};
