//! What was left open → what is done, once the tiles are known.

use super::check::usage;
use super::{FEW_TILES, TrainConfig};
use crate::dataset::Targets;
use crate::error::Result;
use crate::train::config::choice::{Layers, LossKind, Rule, Select};

impl TrainConfig {
    /// The configuration with every choice made, as it is saved beside the checkpoints.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) (`TRN-0105`) for a loss or a choice of epochs that the targets do not
    /// have.
    pub(in crate::train) fn resolve(&self, targets: &Targets, training_tiles: usize) -> Result<Self> {
        let layers = match self.layers {
            Layers::Auto if self.init.is_some() && training_tiles < FEW_TILES => Layers::Head,
            Layers::Auto => Layers::All,
            layers => layers,
        };
        let is_head = layers == Layers::Head;
        let sgd = if self.optimiser == Rule::Sgd { 100.0 } else { 1.0 };
        let (kind, loss, select) = match targets {
            Targets::Classes(_) => ("classes", LossKind::CrossEntropy, Select::BalancedAccuracy),
            Targets::Numbers(_) => ("numbers", LossKind::Huber, Select::R2),
        };
        let loss = if self.loss == LossKind::Auto { loss } else { self.loss };
        let select = if self.select == Select::Auto { select } else { self.select };
        let of_classes = matches!(targets, Targets::Classes(_));
        let fits = |fits_classes: bool, key: &str, found: String| {
            if fits_classes == of_classes {
                return Ok(());
            }
            Err(usage("TRN-0105", format!("{key}: expected one for {kind}, found {found}")))
        };
        fits(loss.is_of_classes(), "loss", format!("{loss:?}"))?;
        if select != Select::Loss {
            fits(matches!(select, Select::BalancedAccuracy | Select::Auroc), "select", format!("{select:?}"))?;
        }
        let epochs = self.epochs.unwrap_or(if is_head { 100 } else { 12 });
        Ok(Self {
            warmup_epochs: self.warmup_epochs.min(epochs as f64),
            layers,
            loss,
            select,
            epochs: Some(epochs),
            batch: Some(self.batch.unwrap_or(if is_head { 64 } else { 16 })),
            lr: Some(self.lr.unwrap_or(if is_head { 1e-3 } else { 3e-4 } * sgd)),
            ..self.clone()
        })
    }

    /// Passes over the training tiles; of a resolved configuration.
    pub(in crate::train) fn epochs(&self) -> usize {
        self.epochs.unwrap_or_default()
    }

    /// Tiles between two changes of the weights; of a resolved configuration.
    pub(in crate::train) fn batch(&self) -> usize {
        self.batch.unwrap_or(1)
    }

    /// Highest learning rate; of a resolved configuration.
    pub(in crate::train) fn lr(&self) -> f64 {
        self.lr.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_tiles_train_the_last_layer_and_losses_follow_the_targets() {
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let (classes, numbers) = (Targets::Classes(names(["a", "b"])), Targets::Numbers(names(["a", "b"])));
        let config = TrainConfig { init: Some("a".into()), ..TrainConfig::default() };
        let found = config.resolve(&classes, FEW_TILES - 1).unwrap();
        assert_eq!((found.layers, found.loss, found.epochs()), (Layers::Head, LossKind::CrossEntropy, 100));
        let found = config.resolve(&numbers, FEW_TILES).unwrap();
        assert_eq!((found.layers, found.loss, found.select), (Layers::All, LossKind::Huber, Select::R2));
        assert_eq!(TrainConfig::default().resolve(&classes, 2).unwrap().layers, Layers::All);
        for wrong in [
            TrainConfig { loss: LossKind::Huber, ..config.clone() },
            TrainConfig { select: Select::R2, ..config.clone() },
        ] {
            assert_eq!(wrong.resolve(&classes, 2).unwrap_err().code(), "TRN-0105");
        }
        let wrong = TrainConfig { loss: LossKind::Focal, ..config };
        assert_eq!(wrong.resolve(&numbers, 2).unwrap_err().code(), "TRN-0105");
    }
}
