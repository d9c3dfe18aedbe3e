//! What distinguishes one vision transformer from another.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::bundle::read_text;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The layer between two attentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VitMlp {
    /// Two linear layers with GELU between them.
    Gelu,
    /// The first layer gives two halves, of which one, through `SiLU`, gates the other (Shazeer 2020, arXiv:2002.05202).
    SwiGlu,
}

/// How tokens become one vector of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VitPool {
    /// The class token.
    Token,
    /// The mean of the image tokens, normalised after and not before.
    Mean,
    /// The class token, followed by the mean of the image tokens.
    TokenAndMean,
}

/// Which tokens have learnt positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VitPositions {
    /// Class token, registers and image.
    #[default]
    All,
    /// Class token and image.
    Class,
    /// The image.
    Image,
}

/// The shape of a vision transformer.
///
/// # Source
/// Dosovitskiy et al. 2020, arXiv:2010.11929; register tokens: Darcet et al. 2023, arXiv:2309.16588; scaled layers: Touvron
/// et al. 2021, arXiv:2103.17239.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitShape {
    /// Side of the input, pixels; the positions that were learnt are for this side alone.
    pub input_px: u32,
    /// Side of what becomes one token, pixels.
    pub token_px: u32,
    /// Length of a token.
    pub dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads; `dim` is a multiple.
    pub heads: usize,
    /// Length of the first layer's output in a block's MLP; for `SwiGlu` that is both halves.
    pub hidden: usize,
    /// The kind of MLP.
    pub mlp: VitMlp,
    /// Register tokens, which stand between the class token and those of the image.
    #[serde(default)]
    pub registers: usize,
    /// Whether each branch is scaled per channel.
    #[serde(default)]
    pub layer_scale: bool,
    /// Which tokens have learnt positions.
    #[serde(default)]
    pub positions: VitPositions,
    /// How tokens become features.
    pub pool: VitPool,
}

/// Weights of attention in one block for one tile: a gigabyte of them; the largest published encoder has 1.6 million.
const MAX_ATTENTION: usize = 1 << 28;

impl VitShape {
    /// timm's `vit_small_patch16_224`.
    pub const SMALL_16: Self = Self {
        input_px: 224,
        token_px: 16,
        dim: 384,
        depth: 12,
        heads: 6,
        hidden: 1536,
        mlp: VitMlp::Gelu,
        registers: 0,
        layer_scale: false,
        positions: VitPositions::All,
        pool: VitPool::Token,
    };
    /// timm's `vit_base_patch16_224`; Phikon (Filiot et al. 2023, 10.1101/2023.07.21.23292757).
    pub const BASE_16: Self = Self { dim: 768, heads: 12, hidden: 3072, ..Self::SMALL_16 };
    /// UNI (Chen et al. 2024, 10.1038/s41591-024-02857-3): ViT-L/16 with scaled layers.
    pub const LARGE_16: Self =
        Self { dim: 1024, depth: 24, heads: 16, hidden: 4096, layer_scale: true, ..Self::SMALL_16 };
    /// Virchow2 (Zimmermann et al. 2024, arXiv:2408.00738): ViT-H/14 with four registers and `SwiGLU`.
    pub const VIRCHOW2: Self = Self {
        token_px: 14,
        dim: 1280,
        depth: 32,
        heads: 16,
        hidden: 6832,
        mlp: VitMlp::SwiGlu,
        registers: 4,
        layer_scale: true,
        pool: VitPool::TokenAndMean,
        ..Self::SMALL_16
    };
    /// H-optimus-0 (Saillard et al. 2024): ViT-g/14 with four registers and `SwiGLU`.
    pub const H_OPTIMUS: Self = Self {
        token_px: 14,
        dim: 1536,
        depth: 40,
        heads: 24,
        hidden: 8192,
        mlp: VitMlp::SwiGlu,
        registers: 4,
        layer_scale: true,
        positions: VitPositions::Image,
        ..Self::SMALL_16
    };

    /// Reads and checks a shape from a TOML file with the keys of a card's `[architecture.vit]`.
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0201` no such TOML, and those of [`VitShape::check`]; [`ErrorKind::Io`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        let shape: Self = toml::from_str(&text)
            .map_err(|error| Error::new(ErrorKind::Model, "MOD-0201", error.message().to_owned()).at_path(path))?;
        shape.check().map_err(|error| error.at_path(path))?;
        Ok(shape)
    }

    /// Tokens along one side of the image.
    pub fn grid(&self) -> usize {
        (self.input_px / self.token_px.max(1)) as usize
    }

    /// Tokens before those of the image.
    pub(super) fn prefix(&self) -> usize {
        1 + self.registers
    }

    /// Learnt positions.
    pub(super) fn positions(&self) -> usize {
        let prefix = match self.positions {
            VitPositions::All => self.prefix(),
            VitPositions::Class => 1,
            VitPositions::Image => 0,
        };
        self.grid() * self.grid() + prefix
    }

    /// Length of the features.
    pub(super) fn features(&self) -> usize {
        if self.pool == VitPool::TokenAndMean { 2 * self.dim } else { self.dim }
    }

    /// Checks that such a transformer can be built.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`MOD-0204`) with the value, its range and what was found.
    pub fn check(&self) -> Result<()> {
        let fault = |what: &str, expected: String, found: String| {
            let message = format!("architecture.vit.{what}: expected {expected}, found {found}");
            Err(Error::new(ErrorKind::Model, "MOD-0204", message))
        };
        let Self { input_px, token_px, .. } = *self;
        if !(4..=64).contains(&token_px) || input_px > 2048 || input_px < token_px || !input_px.is_multiple_of(token_px)
        {
            let expected = "tokens of 4 to 64 px and a multiple of it up to 2048 px as input".to_owned();
            return fault("input_px", expected, format!("tokens of {token_px} px in {input_px} px"));
        }
        // The largest published ones have a token length of 4096 and 48 blocks; a card must not ask for memory at will.
        for (what, value, most) in [
            ("dim", self.dim, 8192),
            ("depth", self.depth, 128),
            ("heads", self.heads, 128),
            ("hidden", self.hidden, 65_536),
        ] {
            if !(1..=most).contains(&value) {
                return fault(what, format!("1 to {most}"), value.to_string());
            }
        }
        if self.registers > 64 {
            return fault("registers", "at most 64".to_owned(), self.registers.to_string());
        }
        let tokens = self.grid() * self.grid() + self.prefix();
        if self.heads * tokens * tokens > MAX_ATTENTION {
            let expected = format!("at most {MAX_ATTENTION} weights of attention (heads x tokens x tokens)");
            return fault("heads", expected, format!("{} heads and {tokens} tokens", self.heads));
        }
        if !self.dim.is_multiple_of(self.heads) {
            return fault("heads", format!("a divisor of dim {}", self.dim), self.heads.to_string());
        }
        if self.mlp == VitMlp::SwiGlu && !self.hidden.is_multiple_of(2) {
            return fault("hidden", "an even number for two halves".to_owned(), self.hidden.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_shapes_are_sound_and_absurd_ones_refused() {
        for shape in
            [VitShape::SMALL_16, VitShape::BASE_16, VitShape::LARGE_16, VitShape::VIRCHOW2, VitShape::H_OPTIMUS]
        {
            shape.check().unwrap();
        }
        let positions = [VitShape::SMALL_16, VitShape::VIRCHOW2, VitShape::H_OPTIMUS].map(|shape| shape.positions());
        assert_eq!(positions, [197, 261, 256]);
        assert_eq!((VitShape::VIRCHOW2.features(), VitShape::H_OPTIMUS.features()), (2560, 1536));
        let small = VitShape::SMALL_16;
        let wrong = [
            (VitShape { token_px: 0, ..small }, "tokens"),
            (VitShape { token_px: 15, ..small }, "15"),
            (VitShape { input_px: 8, ..small }, "8 px"),
            (VitShape { input_px: 1 << 20, ..small }, "1048576"),
            (VitShape { input_px: 2048, token_px: 4, dim: 6, ..small }, "262145 tokens"),
            (VitShape { registers: usize::MAX - 1, ..small }, "registers"),
            (VitShape { dim: 0, ..small }, "dim"),
            (VitShape { dim: 1 << 40, ..small }, "dim"),
            (VitShape { depth: 1_000_000, ..small }, "depth"),
            (VitShape { heads: 7, ..small }, "heads"),
            (VitShape { heads: 0, ..small }, "heads"),
            (VitShape { registers: 1 << 30, ..small }, "registers"),
            (VitShape { hidden: 0, ..small }, "hidden"),
            (VitShape { mlp: VitMlp::SwiGlu, hidden: 1535, ..small }, "hidden"),
        ];
        for (shape, part) in wrong {
            let error = shape.check().unwrap_err();
            assert_eq!(error.code(), "MOD-0204");
            assert!(error.message().contains(part), "{error}");
        }
    }
}
