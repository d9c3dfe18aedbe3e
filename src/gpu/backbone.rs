//! A whole network on our own CPU engine, as one operation of the tensor graph.
//!
//! One operation and not one for each layer: between layers the engine keeps its own layout, and each thread computes whole
//! networks for its tiles without waiting for others. Of burn's backends only the CPU's has it.

use super::transfer::{tensor_on_cpu, values_on_cpu};
use crate::cpu::{Engine, Tiles};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Shape, Tensor};
use std::sync::Arc;

/// Runs a planned network on all cores.
///
/// # Shapes
/// `[N, 3, S, S]` normalised RGB f32 on the CPU, `S` as planned, to `[N, O]` as in [`Engine::outputs`].
///
/// # Panics
/// When the tiles are on another device or of another side.
pub fn backbone(tiles: Tensor<4>, engine: &Arc<Engine>) -> Tensor<2> {
    let [count, channels, height, width] = tiles.dims();
    let side = engine.options().side_px;
    assert_eq!([channels, height, width], [3, side, side], "expected the tiles that the engine was planned for");
    let out = <Dispatch as NetworkOps>::backbone(tiles.into_dispatch(), Planned { engine: engine.clone(), count });
    Tensor::from_dispatch(out)
}

/// An engine and how many tiles it gets.
#[derive(Debug, Clone)]
pub struct Planned {
    engine: Arc<Engine>,
    count: usize,
}

/// What the CPU backend can do beyond burn's own operations.
#[backend_extension(Flex)]
pub trait NetworkOps: Backend {
    /// `[N, 3, S, S]` to `[N, O]`.
    fn backbone(tiles: FloatTensor<Self>, planned: Planned) -> FloatTensor<Self>;
}

impl NetworkOps for Flex {
    fn backbone(tiles: FloatTensor<Self>, Planned { engine, count }: Planned) -> FloatTensor<Self> {
        let mut out = vec![0.0; count * engine.outputs()];
        engine.run_all(Tiles::Numbers(&values_on_cpu(tiles)), count, &mut out);
        tensor_on_cpu(out, Shape::new([count, engine.outputs()]))
    }
}
