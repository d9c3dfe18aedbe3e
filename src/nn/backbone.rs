//! What every architecture gives, in two parts that meet where a place in the tile is still a place in the maps; the last
//! linear layer is [`Network`](crate::nn::Network)'s.

use crate::nn::flow::Flow;
use crate::nn::layers::Layer;

/// An architecture as a way for `T`. Convolutional ones are a way for every [`Flow`], transformers for tensors alone.
pub(super) trait Backbone<T: Flow> {
    /// `[N, 3, H, W]` normalised RGB to the last maps `[N, C, h, w]`; a transformer's are its tokens, `[N, 1, T, C]`.
    fn maps(&self, tiles: T) -> T {
        self.watched_maps(tiles, &mut |_| {})
    }

    /// The same, and shows what enters each stage on the way there, `[N, C, h, w]` in network order; of a transformer the
    /// tokens at each quarter of its blocks, `[N, C, T, 1]`.
    fn watched_maps(&self, tiles: T, watch: &mut dyn FnMut(&T)) -> T;

    /// Those maps to features `[N, D, 1, 1]`.
    fn pool(&self, maps: T) -> T {
        maps.global_mean()
    }

    /// Those maps to what a network gives that ends without a linear layer: features, or logits `[N, K, 1, 1]` where the
    /// architecture has a last layer of its own.
    fn outputs(&self, maps: T) -> T {
        self.pool(maps)
    }

    /// The layers that own weights, in network order, with timm's names.
    fn layers(&mut self) -> Vec<Layer<'_>>;
}
