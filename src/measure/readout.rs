//! A read-out: what was measured, of what, where, and the figure with its interval. What each measure means stands in one
//! table, [`Measure::definition`], which reports and documents repeat.

use crate::evaluate::Figure;
use serde::{Deserialize, Serialize};

/// Where on the slide a read-out holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// All scored tissue.
    #[default]
    Tissue,
    /// The tumour's region: its cells without small islands, small gaps filled.
    Tumour,
    /// The tumour's region deeper than the margin.
    TumourCore,
    /// The margin inside the tumour's region.
    MarginInside,
    /// The margin outside the tumour's region.
    MarginOutside,
    /// Tissue beyond the margin.
    Beyond,
}

impl Region {
    /// How it is read.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tissue => "tissue",
            Self::Tumour => "tumour region",
            Self::TumourCore => "tumour core",
            Self::MarginInside => "margin, inside",
            Self::MarginOutside => "margin, outside",
            Self::Beyond => "beyond the margin",
        }
    }

    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tissue => "tissue",
            Self::Tumour => "tumour",
            Self::TumourCore => "tumour_core",
            Self::MarginInside => "margin_inside",
            Self::MarginOutside => "margin_outside",
            Self::Beyond => "beyond",
        }
    }
}

/// One number about a slide.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Readout {
    /// What was measured.
    pub measure: Measure,
    /// Of which class or pair of classes, `a|b`; absent where the measure is of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Where.
    #[serde(default)]
    pub region: Region,
    /// The number, in the unit of [`Readout::unit`], with its interval.
    #[serde(flatten)]
    pub figure: Figure,
    /// How often chance alone does as much, adjusted for all numbers of the same measure on the slide (Benjamini and
    /// Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// The unit, where it is not the measure's own: that of an estimated number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

impl Readout {
    /// One of all classes over all tissue, still without its figure.
    pub(super) fn of_all(measure: Measure) -> Self {
        Self { measure, ..Self::default() }
    }

    /// One of a class or a pair of them.
    pub(super) fn of(measure: Measure, of: &str) -> Self {
        Self { measure, of: Some(of.to_owned()), ..Self::default() }
    }

    /// The same of a region.
    pub(super) fn within(self, region: Region) -> Self {
        Self { region, ..self }
    }

    /// Its unit; empty for plain numbers.
    pub fn unit(&self) -> &str {
        self.unit.as_deref().unwrap_or(self.measure.definition().unit)
    }

    /// A name that tells it from all others of a slide, such as `class_fraction.immune.tumour`.
    pub fn key(&self) -> String {
        let of = self.of.as_deref().map(|of| format!(".{of}")).unwrap_or_default();
        let region = if self.region == Region::Tissue { String::new() } else { format!(".{}", self.region.name()) };
        format!("{}{of}{region}", self.measure.name())
    }
}

/// A part of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// How much of what.
    Areas,
    /// The tumour and what is around it.
    Tumour,
    /// Immune cells.
    Immune,
    /// Estimated numbers.
    Estimates,
    /// How mixed it is.
    Heterogeneity,
    /// How it is arranged.
    Arrangement,
    /// How sure.
    Certainty,
}

impl Topic {
    /// All topics in the order of a report.
    pub const ALL: [Self; 7] = [
        Self::Areas,
        Self::Tumour,
        Self::Immune,
        Self::Estimates,
        Self::Heterogeneity,
        Self::Arrangement,
        Self::Certainty,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Areas => "Areas",
            Self::Tumour => "Tumour and margin",
            Self::Immune => "Immune cells",
            Self::Estimates => "Estimated numbers",
            Self::Heterogeneity => "Heterogeneity",
            Self::Arrangement => "Arrangement in space",
            Self::Certainty => "Certainty",
        }
    }
}

/// What a measure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Where it stands.
    pub topic: Topic,
    /// How it is read.
    pub title: &'static str,
    /// Its unit; empty for plain numbers.
    pub unit: &'static str,
    /// How it is worked out.
    pub text: &'static str,
    /// The paper it follows; empty for plain arithmetic.
    pub source: &'static str,
}

/// Measures with their words in files and their definitions, written once.
macro_rules! measures {
    ($($(#[$about:meta])* $name:ident $word:literal: $topic:ident, $title:literal, $unit:literal, $text:literal, $source:literal;)+) => {
        /// What is measured.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Measure {
            $($(#[$about])* #[doc = $title] #[doc = "."] #[serde(rename = $word)] $name,)+
        }

        impl Measure {
            /// All measures, in the order of a report.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What it means.
            pub fn definition(self) -> Definition {
                match self {
                    $(Self::$name => Definition {
                        topic: Topic::$topic, title: $title, unit: $unit, text: $text, source: $source,
                    }),+
                }
            }
        }
    };
}

measures! {
    #[default]
    TissueArea "tissue_area": Areas, "Tissue scored", "mm²",
        "Area of the scored cells, without those of a background class.", "";
    FailedArea "failed_area": Areas, "Failed", "mm²",
        "Area of cells whose tiles were lost. It is in no other number.", "";
    ClassArea "class_area": Areas, "Area", "mm²",
        "Area of the cells in which a class is present: by its threshold, or where its score is the largest.", "";
    ClassFraction "class_fraction": Areas, "Share", "",
        "That area as a share of the tissue scored in the same region.", "";
    TumourArea "tumour_area": Tumour, "Tumour region", "mm²",
        "Area of the tumour's region: tumour cells without small islands, small gaps filled.", "";
    StromaShare "stroma_share": Tumour, "Tumour-stroma ratio", "",
        "Stroma as a share of tumour and stroma; above 0.5 a tumour is called stroma-high.",
        "West et al. 2010, doi:10.1038/sj.bjc.6605674; cut-off: Mesker et al. 2007, doi:10.1155/2007/175276";
    BorderLength "border_length": Tumour, "Length of the tumour's border", "mm",
        "Length of the edges between cells of the tumour's region and other scored tissue; steps along the grid, so 1.27 times a smooth border on average, at most 1.41 times.", "";
    ImmuneFraction "immune_fraction": Immune, "Immune cells", "",
        "Area of immune cells as a share of the tissue scored in the region.", "";
    TilFraction "til_fraction": Immune, "TIL map, positive share", "",
        "Share of the tissue's cells of 50 um (or as set) that are positive for immune cells.",
        "Saltz et al. 2018, doi:10.1016/j.celrep.2018.03.086";
    StromalTils "stromal_tils": Immune, "Stromal TILs", "",
        "Area of immune cells as a share of immune cells and stroma.",
        "Salgado et al. 2015, doi:10.1093/annonc/mdu450, of areas as judged by tiles";
    ImmuneToTumour "immune_to_tumour": Immune, "Immune cells to tumour, mean distance", "um",
        "Mean distance from the centre of a map's cell with immune cells to the nearest one with tumour; p: two-sided, against both in random places of the tissue.",
        "Clark and Evans 1954, doi:10.2307/1931034, between two kinds";
    Mean "mean": Estimates, "Mean", "",
        "Mean over the region, each cell weighing as much as its area.", "";
    LowerDecile "q10": Estimates, "10 % quantile", "",
        "A tenth of the region's area has less.", "";
    Median "median": Estimates, "Median", "",
        "Half of the region's area has less.", "";
    UpperDecile "q90": Estimates, "90 % quantile", "",
        "A tenth of the region's area has more.", "";
    Shannon "shannon": Heterogeneity, "Shannon diversity", "nat",
        "-sum p ln p of the classes' shares of the tissue; 0 for one class, ln K for K equal ones.",
        "Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x";
    Evenness "evenness": Heterogeneity, "Evenness", "",
        "Shannon diversity over its largest possible value, ln K.", "Pielou 1966, doi:10.1016/0022-5193(66)90013-0";
    Rao "rao": Heterogeneity, "Rao's quadratic entropy", "",
        "Expected distance of two random places: of classes 1 where they differ, of an estimated number the absolute difference.",
        "Rao 1982, doi:10.1016/0040-5809(82)90004-1";
    LocalShannon "local_shannon": Heterogeneity, "Local Shannon diversity", "nat",
        "Mean over the squares of tissue that intervals are drawn from of the diversity within a square; far below the diversity of the slide where classes keep apart.",
        "Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x";
    Correlation "correlation": Estimates, "Co-localisation (Pearson)", "",
        "Correlation of two maps, cell by cell.", "";
    Lee "lee": Estimates, "Co-localisation (Lee's L)", "",
        "Correlation of two maps, each smoothed over its neighbours: together in the same neighbourhoods.",
        "Lee 2001, doi:10.1007/s101090100064";
    BivariateMoran "bivariate_moran": Estimates, "Neighbours' co-localisation (bivariate Moran's I)", "",
        "Correlation of one map with the mean of the other over the neighbouring cells.",
        "Anselin, Syabri and Smirnov 2002; formula as in esda";
    Moran "moran": Arrangement, "Moran's I", "",
        "Correlation of a map with the mean over the neighbouring cells (queen, row-standardised): 0 is chance, 1 is one large patch. p: two-sided, under randomisation.",
        "Moran 1950, doi:10.2307/2332142; moments: Cliff and Ord 1981";
    Geary "geary": Arrangement, "Geary's C", "",
        "Squared differences of neighbours over those of all: 1 is chance, near 0 is smooth. p: two-sided, under randomisation.",
        "Geary 1954, doi:10.2307/2986645";
    JoinCount "join_count": Arrangement, "Join count z", "",
        "Neighbouring pairs that both are of the class, against chance, in standard deviations.",
        "Cliff and Ord 1981, non-free sampling";
    HotShare "hot_share": Arrangement, "Hot cells", "",
        "Share of the tissue in cells with a high Getis-Ord Gi* (queen) at a false discovery rate of 5 %.",
        "Ord and Getis 1995, doi:10.1111/j.1538-4632.1995.tb00912.x; Benjamini and Hochberg 1995";
    Clustering "clustering": Arrangement, "Clustering (largest L over chance)", "um",
        "Largest excess of L over random places in the same tissue, over all distances; p: of the whole curve.",
        "Ripley 1976, doi:10.2307/3212829; random labelling: Diggle and Chetwynd 1991, doi:10.2307/2532668";
    Interaction "interaction": Arrangement, "Neighbourhood enrichment z", "",
        "Neighbouring pairs of two classes against random places of all classes in the same tissue, in standard deviations.",
        "Schapiro et al. 2017, doi:10.1038/nmeth.4391";
    Entropy "entropy": Certainty, "Mean predictive entropy", "",
        "Entropy of a cell's probabilities over its largest possible value, mean over the tissue: 0 is sure, 1 knows nothing.",
        "Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x";
    Unsure "unsure": Certainty, "Unsure share", "",
        "Share of the tissue in cells whose entropy is 0.5 or more.", "";
    Unfamiliar "unfamiliar": Certainty, "Unlike the training data", "",
        "Share of the scored tiles that are farther from the training tiles than nearly all kept-apart ones are: 99 of 100, unless the model's card says otherwise.",
        "distance: Tipping and Bishop 1999, doi:10.1111/1467-9868.00196";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_has_a_word_of_its_own_that_reads_back() {
        let mut words: Vec<&str> = Measure::ALL.iter().map(|measure| measure.name()).collect();
        for &measure in Measure::ALL {
            let text = serde_json::to_string(&measure).unwrap();
            assert_eq!(text, format!("{:?}", measure.name()));
            assert_eq!(serde_json::from_str::<Measure>(&text).unwrap(), measure);
            let Definition { title, text, .. } = measure.definition();
            assert!(!title.is_empty() && text.ends_with('.'), "{title}: {text}");
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Measure::ALL.len());
    }

    #[test]
    fn a_readout_reads_back() {
        let figure = Figure { value: Some(0.25), low: None, high: Some(0.5) };
        let readout = Readout { of: Some("a".into()), region: Region::Tumour, figure, ..Readout::default() };
        let text = serde_json::to_string(&readout).unwrap();
        assert_eq!(serde_json::from_str::<Readout>(&text).unwrap(), readout);
        assert_eq!(readout.key(), "tissue_area.a.tumour");
    }
}
