//! Bytes of tiles → what a network sees: colours made alike where the model asks for it, normalised, on the device.
//!
//! Invariant: scoring, evaluation, explanation and training see the same tile in the same way; training may vary it
//! besides.

use crate::gpu::augment::augment;
use crate::gpu::unpack::{send, unpack, unpack_sent};
use crate::nn::Stain;
use crate::ops::augment::Variation;
use crate::ops::colour::ColourMap;
use crate::ops::stain::{Macenko, Reinhard};
use crate::ops::unpack::{Normalisation, UnpackShape};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

/// How a model sees tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eye {
    normalisation: Normalisation,
    stain: Option<Stain>,
}

impl Eye {
    /// From the mean and the standard deviation of each channel (RGB, 0 to 1), and how colours are made alike before.
    pub fn new(mean: [f32; 3], std: [f32; 3], stain: Option<Stain>) -> Self {
        Self { normalisation: Normalisation::new(mean, std), stain }
    }

    /// What turns bytes into what a network sees, where nothing else is done to a tile.
    pub(super) fn plain(&self) -> Option<Normalisation> {
        self.stain.is_none().then_some(self.normalisation)
    }

    /// Tiles as they are.
    ///
    /// # Shapes
    /// `bytes`: at least `[N, I, I, 3]` u8; result `[N, 3, S, S]` f32.
    pub fn see(&self, bytes: &[u8], shape: UnpackShape, device: &Device) -> Tensor<4> {
        if self.stain.is_some() {
            self.see_varied(bytes, &vec![Variation::IDENTITY; shape.tiles], shape, device)
        } else {
            unpack(bytes, shape, self.normalisation, device)
        }
    }

    /// What [`Eye::see`] makes of tiles, and when the bytes were there: waiting in between costs time, and tells where it
    /// goes. Where colours are made alike, bytes are sent with what that needs, and `sent` is called at once.
    pub(super) fn see_in_turn(
        &self,
        bytes: &[u8],
        shape: UnpackShape,
        device: &Device,
        sent: impl FnOnce(),
    ) -> Tensor<4> {
        if self.stain.is_some() {
            sent();
            return self.see(bytes, shape, device);
        }
        let words = send(bytes, device);
        sent();
        unpack_sent(words, shape, self.normalisation)
    }

    /// Tiles with a variation each, which comes after colours were made alike.
    ///
    /// # Shapes
    /// As [`Eye::see`]; `variations`: `N`.
    ///
    /// # Panics
    /// When there are fewer variations than tiles.
    pub fn see_varied(&self, bytes: &[u8], variations: &[Variation], shape: UnpackShape, device: &Device) -> Tensor<4> {
        let tile_bytes = (bytes.len() / shape.tiles.max(1)).max(1);
        let alike = |(variation, tile): (&Variation, &[u8])| {
            let colour = self.alike(tile).map_or(Some(variation.colour), |map| map.then(&variation.colour));
            // What cannot be joined is refused when a training begins; see `joins`.
            Variation { colour: colour.unwrap_or(variation.colour), ..*variation }
        };
        let variations: Vec<Variation> = variations.par_iter().zip(bytes.par_chunks(tile_bytes)).map(alike).collect();
        augment(bytes, &variations, shape, self.normalisation, device)
    }

    /// Whether colours can be made alike and then be changed like this.
    pub fn joins(&self, colour: &ColourMap) -> bool {
        let map = match self.stain {
            None => return true,
            Some(Stain::Macenko) => ColourMap::macenko(&Macenko::REFERENCE, &Macenko::REFERENCE),
            Some(Stain::Reinhard) => ColourMap::reinhard(&Reinhard::REFERENCE, &Reinhard::REFERENCE),
        };
        map.then(colour).is_some()
    }

    /// What gives a tile the colours of the reference; none where the tile has too little tissue to tell.
    fn alike(&self, tile: &[u8]) -> Option<ColourMap> {
        match self.stain? {
            Stain::Macenko => Macenko::fit(tile).ok().map(|fit| ColourMap::macenko(&fit, &Macenko::REFERENCE)),
            Stain::Reinhard => Reinhard::fit(tile).ok().map(|fit| ColourMap::reinhard(&fit, &Reinhard::REFERENCE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: UnpackShape = UnpackShape { tiles: 2, input_px: 32, output_px: 32 };

    /// Two tiles of the same two stains, the second with half as much light.
    fn bytes() -> Vec<u8> {
        let stains = [[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]];
        let mut bytes = Vec::new();
        for strength in [1.0, 1.6] {
            for at in 0..32 * 32 {
                let (h, e) = (f64::from(at % 17) / 12.0 + 0.3, f64::from(at % 23) / 20.0 + 0.3);
                let density = |channel: usize| strength * (h * stains[0][channel] + e * stains[1][channel]);
                bytes.extend([0, 1, 2].map(|channel| {
                    let level = (255.0 * (-density(channel) / 1.5_f64).exp()).round();
                    format!("{level}").parse::<u8>().unwrap()
                }));
            }
        }
        bytes
    }

    fn apart(stain: Option<Stain>) -> f32 {
        let eye = Eye::new([0.0; 3], [1.0; 3], stain);
        let seen: Vec<f32> = eye.see(&bytes(), SHAPE, &Device::flex()).into_data().iter().collect();
        let (a, b) = seen.split_at(seen.len() / 2);
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
    }

    #[test]
    fn tiles_that_differ_in_stain_alone_are_seen_alike() {
        let plain = apart(None);
        assert!(plain > 0.1, "{plain}");
        // Macenko's map is that of the stains; Reinhard's is one of means and spreads, which leaves more.
        for (stain, share) in [(Stain::Macenko, 0.1), (Stain::Reinhard, 0.5)] {
            let found = apart(Some(stain));
            assert!(found < plain * share, "{stain:?}: {found} against {plain}");
        }
    }

    #[test]
    fn glass_is_seen_as_it_is() {
        let glass = vec![240; SHAPE.bytes()];
        let see = |stain| Eye::new([0.5; 3], [0.5; 3], stain).see(&glass, SHAPE, &Device::flex()).into_data();
        see(Some(Stain::Macenko)).assert_eq(&see(None), true);
    }

    #[test]
    fn stain_can_be_varied_after_macenko_and_light_after_both() {
        let (light, stain) = (ColourMap::brightness(1.1), ColourMap::stain_jitter([1.1, 0.9, 1.0], [0.0; 3]));
        let eye = |stain| Eye::new([0.5; 3], [0.5; 3], Some(stain));
        assert!(eye(Stain::Macenko).joins(&stain) && eye(Stain::Macenko).joins(&light));
        assert!(!eye(Stain::Reinhard).joins(&stain) && eye(Stain::Reinhard).joins(&light));
    }
}
