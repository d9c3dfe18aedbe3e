//! Defaults < start model < file < flags → one configuration.
//!
//! All four are tables of the same keys, laid over each other before any value is looked at, so that a key is checked in
//! one place wherever it comes from.

use super::TrainConfig;
use super::check::usage;
use crate::dataset::InputConfig;
use crate::error::Result;
use crate::nn::{Architecture, Bundle};
use std::path::Path;
use toml::{Table, Value};

impl TrainConfig {
    /// Reads a configuration file and lays flags over it. What it does not say of the input is as in the start model, or as
    /// weights of the architecture usually have it. Checks all but `out`, which may be said elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage): `TRN-0101` no such TOML, and those of [`TrainConfig::check`]; those of
    /// opening the start model.
    pub fn layered(file: &str, flags: Table) -> Result<Self> {
        let unread = |error: toml::de::Error| usage("TRN-0101", format!("training: {}", error.message()));
        let mut said: Table = toml::from_str(file).map_err(unread)?;
        lay_over(&mut said, flags);
        let mut all = Table::new();
        // A key of a wrong type is reported when the whole is read.
        all.extend(usual_input(&said)?);
        lay_over(&mut all, said);
        let config: Self = all.try_into().map_err(unread)?;
        config.check_values()?;
        Ok(config)
    }
}

/// What the start model asks of its tiles and their stain, or the colours that weights of the architecture expect.
fn usual_input(said: &Table) -> Result<Table> {
    let text = |key: &str| said.get(key).and_then(Value::as_str);
    let (mut input, mut usual) = (InputConfig::default(), Table::new());
    match text("init").map(Path::new) {
        Some(path) if path.is_dir() => {
            let bundle = Bundle::open(path)?;
            let preprocess = bundle.preprocess();
            input.um_per_px = bundle.mpp();
            (input.tile_px, input.input_px) = (preprocess.tile_px, preprocess.input_px);
            (input.mean, input.std) = (preprocess.mean, preprocess.std);
            usual.extend(preprocess.stain.and_then(|stain| Some(("stain".to_owned(), Value::try_from(stain).ok()?))));
        }
        _ => {
            let name = text("architecture").unwrap_or(Architecture::MobileNetV2.name());
            let colours = Architecture::parse(name).ok().and_then(Architecture::colours);
            // Weights that pad as TensorFlow come from there, with its colours.
            let Some((mean, std)) = colours.filter(|_| text("padding") != Some("tf-same")) else { return Ok(usual) };
            (input.mean, input.std) = (mean, std);
        }
    }
    usual.extend(Table::try_from(input).ok().map(|input| ("input".to_owned(), Value::Table(input))));
    Ok(usual)
}

/// Puts the keys of one table over those of another; a table in it is laid over as well, unless it is of another kind.
fn lay_over(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) if same_kind(below, &above) => lay_over(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Whether two tables say the same `kind`, or one of them says none.
fn same_kind(below: &Table, above: &Table) -> bool {
    below.get("kind").zip(above.get("kind")).is_none_or(|(below, above)| below == above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::DataSource;
    use crate::train::config::Layers;

    const FILE: &str = "epochs = 3\n[data]\nkind = \"folder\"\npath = \"a\"\n[card]\nname = \"m\"\nversion = \"2\"\n";

    fn flags(text: &str) -> Table {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn flags_win_over_the_file_and_leave_what_they_do_not_name() {
        let config = TrainConfig::layered(FILE, flags("epochs = 5\ncard.name = \"n\"\nlayers = \"all\"")).unwrap();
        assert_eq!((config.epochs, config.card.name.as_str(), config.card.version.as_str()), (Some(5), "n", "2"));
        assert_eq!(config.layers, Layers::All);
        let slide = "data = { kind = \"slide\", slide = \"s\", targets = \"t\" }";
        assert!(matches!(TrainConfig::layered(FILE, flags(slide)).unwrap().data, DataSource::Slide(_)));
        let path = TrainConfig::layered(FILE, flags("data = { kind = \"folder\", path = \"b\" }")).unwrap();
        assert!(matches!(path.data, DataSource::Folder(source) if source.path.ends_with("b")));
    }

    #[test]
    fn colours_are_those_of_the_architecture_unless_they_are_said() {
        let mean = |text: &str| format!("{:?}", TrainConfig::layered(FILE, flags(text)).unwrap().input.mean);
        assert_eq!(mean("architecture = \"resnet18\""), "[0.485, 0.456, 0.406]");
        assert_eq!(mean("architecture = \"resnet18\"\ninput.mean = [0.1, 0.2, 0.3]"), "[0.1, 0.2, 0.3]");
        assert_eq!(mean("architecture = \"mobilenetv2\"\npadding = \"tf-same\""), "[0.5, 0.5, 0.5]");
    }
}
