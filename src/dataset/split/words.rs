//! A split → sentences for those who read its figures; groups are counted, none is named.

use crate::dataset::config::SplitConfig;
use crate::dataset::split::{Grouping, Split};
use crate::dataset::tiles::TileSet;

impl Split {
    /// How it was made, as sentences for a card.
    pub fn describe(&self, config: &SplitConfig) -> String {
        let blocks = config.block_tiles;
        let mut sentences = vec![match self.by {
            Grouping::Block => format!(
                "Slides were divided in blocks of {blocks} x {blocks} tiles, each wholly on one side, so that no pixel is on \
                 two; blocks of different sides touch."
            ),
            Grouping::Image => {
                "Copies of an image are on one side; nothing else is known to belong together.".to_owned()
            }
            by => format!("All tiles of a {} are on one side.", by.singular()),
        }];
        let ([train, validation, test], named) = (self.groups, self.by.plural());
        sentences.push(format!("{train} {named} train, {validation} validate, {test} test."));
        let (of_validation, of_test) = (config.validation * 100.0, config.test * 100.0);
        sentences.push(match (self.given, self.fold) {
            (true, _) => "The data say which tiles are on which side.".to_owned(),
            (false, None) => format!(
                "They were dealt out at random so that about {of_validation:.0} % of each class validates and {of_test:.0} % \
                 tests."
            ),
            (false, Some((fold, folds))) => format!(
                "They were dealt out at random to {folds} folds in which classes have about equal shares; fold {fold} tests, \
                 and of the others about {of_validation:.0} % of all tiles validate."
            ),
        });
        for (count, what) in [(self.dropped, "overlap"), (self.copies_dropped, "are copies of")] {
            if count > 0 {
                sentences.push(format!("{count} tiles that {what} a tile held out from their side are on none."));
            }
        }
        sentences.join(" ")
    }
}

/// What a reader of the results must know of the division.
pub(super) fn notes(set: &TileSet, split: &Split) -> Vec<String> {
    let mut notes = Vec::new();
    if split.given {
        notes.push("the data say which tiles train, so the shares in [split] were not asked".to_owned());
    }
    let keeps_patients = matches!(split.by, Grouping::Patient | Grouping::Site);
    if !keeps_patients && Grouping::Patient.is_known(set) {
        notes.push(format!(
            "WARNING: tiles were divided by {} as asked, although patients are known: the figures are too good for new \
             patients",
            split.by.plural()
        ));
    }
    let counts = set.counts(&split.test);
    let missing = counts.iter().filter(|&&count| count == 0).count();
    if !split.test.is_empty() && missing > 0 {
        notes.push(format!("{missing} classes have no test tile"));
    }
    if split.copies_dropped > 0 {
        notes.push(format!("{} copies of held-out tiles are left out", split.copies_dropped));
    }
    notes
}
