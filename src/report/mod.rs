//! Plain values → figures as SVG and pages as HTML that need no other file and no network.
//!
//! Invariants: the same values give the same bytes; every text from outside is escaped; each page is well-formed XML, too;
//! nothing is fetched. What the tiles do not define reads "not defined", never 0. The only script sorts tables, and a page
//! says the same without it.

mod figure;
mod page;
mod words;

pub use figure::{
    BandChart, BandSeries, Bar, BarChart, ForestPanel, ForestPlot, Histogram, LineChart, PairMatrix, ScatterPlot,
    Series, SurvivalPlot, Svg, band_chart, bar_chart, confusion_matrix, curve_plots, forest_plot, histogram,
    line_chart, pair_matrix, reliability_plot, scatter_plot, survival_plot,
};
pub use page::{
    Calibration, Captioned, Cell, CohortColumn, CohortPage, CohortSlide, EvaluationPage, Fact, GalleryTile, Layer,
    LayerValues, Note, Overview, Page, Part, Picture, Quality, Readout, ReadoutDefinition, ReadoutGroup, Scale,
    Section, SlidePage, Table, cohort_page, evaluation_page, evaluation_sections, slide_page,
};
