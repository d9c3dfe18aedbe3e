//! Sets of figures with a name each, which are values first and, once resampled, values with intervals.

use crate::evaluate::Figure;
use serde::{Deserialize, Serialize};

/// A struct of figures, and its way from and to a plain list of them, so that their order is written once.
macro_rules! figures {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
        pub struct $name<T = Figure> {
            $($(#[$doc])* pub $field: T,)+
        }

        impl<T> $name<T> {
            /// The names of the figures, in order.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];

            /// The figures, in order.
            pub fn into_values(self) -> Vec<T> {
                vec![$(self.$field),+]
            }

            /// Takes the figures from a list.
            pub(super) fn take(values: &mut impl Iterator<Item = T>) -> Self
            where
                T: Default,
            {
                Self { $($field: values.next().unwrap_or_default(),)+ }
            }
        }
    };
}

figures! {
    /// How well classes that exclude each other are told apart.
    OverallFigures {
        /// Share of tiles whose class is recognised.
        accuracy,
        /// Mean recall of the classes that are there.
        balanced_accuracy,
        /// Mean F1 of the classes that are there or predicted.
        macro_f1,
        /// Cohen's kappa.
        kappa,
        /// Kappa with squared distances; undefined unless the classes are ordered.
        quadratic_kappa,
        /// Matthews' correlation.
        mcc,
        /// Mean area under the receiver operating characteristic, one class against the rest.
        macro_auroc,
        /// Mean average precision, one class against the rest.
        macro_auprc,
        /// Mean cross-entropy, natural logarithm.
        log_loss,
        /// Mean Brier score, summed over the classes.
        brier,
        /// Expected calibration error of the largest probability.
        ece,
    }
}

figures! {
    /// How well one class is told from the rest.
    ClassFigures {
        /// Share of its tiles that are recognised.
        recall,
        /// Share of the tiles taken for it that are of it.
        precision,
        /// Harmonic mean of both.
        f1,
        /// Area under the receiver operating characteristic.
        auroc,
        /// Average precision.
        auprc,
    }
}

figures! {
    /// How well one finding is recognised; present from probability 0.5 on.
    FindingFigures {
        /// Share of tiles for which it is rightly said to be there or not.
        accuracy,
        /// Mean of recall and specificity.
        balanced_accuracy,
        /// Share of the tiles that have it for which it is said.
        recall,
        /// Share of the tiles without it for which that is said.
        specificity,
        /// Share of the tiles said to have it that do.
        precision,
        /// Harmonic mean of precision and recall.
        f1,
        /// Matthews' correlation.
        mcc,
        /// Area under the receiver operating characteristic.
        auroc,
        /// Average precision.
        auprc,
        /// Mean cross-entropy, natural logarithm.
        log_loss,
        /// Mean Brier score of the probability, 0 to 1.
        brier,
        /// Expected calibration error of the probability.
        ece,
    }
}

figures! {
    /// How well one quantity is estimated.
    EstimateFigures {
        /// Share of the variance that is explained.
        r2,
        /// Pearson's correlation.
        pearson,
        /// Spearman's correlation.
        spearman,
        /// Mean absolute error, in its unit.
        mae,
        /// Root of the mean squared error, in its unit.
        rmse,
        /// Lin's concordance.
        concordance,
    }
}
