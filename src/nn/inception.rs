//! Inception v4, with batch normalisation or without.
//!
//! # Source
//! Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning",
//! arXiv:1602.07261, figures 3 to 9; the layer names are timm's. WSInfer's zoo has it without normalisation.

use crate::cpu::Act;
use crate::nn::backbone::Backbone;
use crate::nn::blocks::{ConvNorm, ConvNormConfig};
use crate::nn::flow::Flow;
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::tensor::Device;

/// Inception v4.
#[derive(Module, Debug)]
pub struct InceptionV4 {
    modules: Vec<Mixed>,
}

/// Branches side by side; their outputs are joined by channel.
#[derive(Module, Debug)]
struct Mixed {
    branches: Vec<Branch>,
}

/// Pooling or none, convolutions in a row, and perhaps a fork at the end.
#[derive(Module, Debug)]
struct Branch {
    #[module(skip)]
    pool: Pool,
    convs: Vec<Named>,
    fork: Vec<Named>,
}

#[derive(Debug, Clone, Copy)]
enum Pool {
    No,
    /// 3x3 with a stride of 2.
    Max,
    /// 3x3, keeping the size.
    Mean,
}

/// A convolution with its name in the module.
#[derive(Module, Debug)]
struct Named {
    #[module(skip)]
    name: &'static str,
    conv: ConvNorm,
}

impl Branch {
    fn forward<T: Flow>(&self, input: T) -> T {
        let pooled = match self.pool {
            Pool::No => input,
            Pool::Max => input.max_pool(3, 2, 0),
            Pool::Mean => input.mean_pool(3, 1, 1),
        };
        let maps = self.convs.iter().fold(pooled, |maps, Named { conv, .. }| maps.conv(conv, Act::Relu));
        if self.fork.is_empty() {
            return maps;
        }
        T::join(self.fork.iter().map(|Named { conv, .. }| maps.clone().conv(conv, Act::Relu)).collect())
    }
}

impl Mixed {
    fn forward<T: Flow>(&self, input: T) -> T {
        match &self.branches[..] {
            [only] => only.forward(input),
            branches => T::join(branches.iter().map(|branch| branch.forward(input.clone())).collect()),
        }
    }
}

/// Name, channels in and out, kernel, stride, padded.
type Conv = (&'static str, usize, usize, [usize; 2], usize, bool);

const fn one(name: &'static str, from: usize, to: usize) -> Conv {
    (name, from, to, [1, 1], 1, true)
}

/// Keeps the size.
const fn same(name: &'static str, from: usize, to: usize, kernel: [usize; 2]) -> Conv {
    (name, from, to, kernel, 1, true)
}

/// 3x3, whole kernels only.
const fn valid(name: &'static str, from: usize, to: usize, stride: usize) -> Conv {
    (name, from, to, [3, 3], stride, false)
}

/// Makes modules for one network on one device.
struct Maker<'a>(&'a NetworkSpec, &'a Device);

impl Maker<'_> {
    fn convs(&self, convs: &[Conv]) -> Vec<Named> {
        let conv = |&(name, from, to, kernel, stride, padded): &Conv| {
            let config = ConvNormConfig::dense(from, to, 1).kernel(kernel).stride(stride);
            let config = if padded { config } else { config.unpadded() };
            Named { name, conv: config.init(self.0, self.1) }
        };
        convs.iter().map(conv).collect()
    }

    fn row(&self, convs: &[Conv]) -> Branch {
        Branch { pool: Pool::No, convs: self.convs(convs), fork: Vec::new() }
    }

    fn pooled(&self, pool: Pool, convs: &[Conv]) -> Branch {
        Branch { pool, ..self.row(convs) }
    }

    fn forked(&self, convs: &[Conv], fork: &[Conv]) -> Branch {
        Branch { fork: self.convs(fork), ..self.row(convs) }
    }

    /// Figure 3, the stem: six modules.
    fn stem(&self) -> Vec<Mixed> {
        let alone = |conv: Conv| vec![self.row(&[conv])];
        let branches = [
            alone(valid("", 3, 32, 2)),
            alone(valid("", 32, 32, 1)),
            alone(same("", 32, 64, [3, 3])),
            vec![self.pooled(Pool::Max, &[]), self.row(&[valid("conv", 64, 96, 2)])],
            vec![
                self.row(&[one("branch0.0", 160, 64), valid("branch0.1", 64, 96, 1)]),
                self.row(&[
                    one("branch1.0", 160, 64),
                    same("branch1.1", 64, 64, [1, 7]),
                    same("branch1.2", 64, 64, [7, 1]),
                    valid("branch1.3", 64, 96, 1),
                ]),
            ],
            vec![self.row(&[valid("conv", 192, 192, 2)]), self.pooled(Pool::Max, &[])],
        ];
        branches.map(|branches| Mixed { branches }).into()
    }

    /// Figure 4.
    fn a(&self) -> Mixed {
        let branches = vec![
            self.row(&[one("branch0", 384, 96)]),
            self.row(&[one("branch1.0", 384, 64), same("branch1.1", 64, 96, [3, 3])]),
            self.row(&[
                one("branch2.0", 384, 64),
                same("branch2.1", 64, 96, [3, 3]),
                same("branch2.2", 96, 96, [3, 3]),
            ]),
            self.pooled(Pool::Mean, &[one("branch3.1", 384, 96)]),
        ];
        Mixed { branches }
    }

    /// Figure 7.
    fn reduce_a(&self) -> Mixed {
        let branches = vec![
            self.row(&[valid("branch0", 384, 384, 2)]),
            self.row(&[
                one("branch1.0", 384, 192),
                same("branch1.1", 192, 224, [3, 3]),
                valid("branch1.2", 224, 256, 2),
            ]),
            self.pooled(Pool::Max, &[]),
        ];
        Mixed { branches }
    }

    /// Figure 5.
    fn b(&self) -> Mixed {
        let branches = vec![
            self.row(&[one("branch0", 1024, 384)]),
            self.row(&[
                one("branch1.0", 1024, 192),
                same("branch1.1", 192, 224, [1, 7]),
                same("branch1.2", 224, 256, [7, 1]),
            ]),
            self.row(&[
                one("branch2.0", 1024, 192),
                same("branch2.1", 192, 192, [7, 1]),
                same("branch2.2", 192, 224, [1, 7]),
                same("branch2.3", 224, 224, [7, 1]),
                same("branch2.4", 224, 256, [1, 7]),
            ]),
            self.pooled(Pool::Mean, &[one("branch3.1", 1024, 128)]),
        ];
        Mixed { branches }
    }

    /// Figure 8.
    fn reduce_b(&self) -> Mixed {
        let branches = vec![
            self.row(&[one("branch0.0", 1024, 192), valid("branch0.1", 192, 192, 2)]),
            self.row(&[
                one("branch1.0", 1024, 256),
                same("branch1.1", 256, 256, [1, 7]),
                same("branch1.2", 256, 320, [7, 1]),
                valid("branch1.3", 320, 320, 2),
            ]),
            self.pooled(Pool::Max, &[]),
        ];
        Mixed { branches }
    }

    /// Figure 6.
    fn c(&self) -> Mixed {
        let branches = vec![
            self.row(&[one("branch0", 1536, 256)]),
            self.forked(
                &[one("branch1_0", 1536, 384)],
                &[same("branch1_1a", 384, 256, [1, 3]), same("branch1_1b", 384, 256, [3, 1])],
            ),
            self.forked(
                &[
                    one("branch2_0", 1536, 384),
                    same("branch2_1", 384, 448, [3, 1]),
                    same("branch2_2", 448, 512, [1, 3]),
                ],
                &[same("branch2_3a", 512, 256, [1, 3]), same("branch2_3b", 512, 256, [3, 1])],
            ),
            self.pooled(Pool::Mean, &[one("branch3.1", 1536, 256)]),
        ];
        Mixed { branches }
    }
}

impl InceptionV4 {
    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        let make = Maker(spec, device);
        let mut modules = make.stem();
        modules.extend((0..4).map(|_| make.a()));
        modules.push(make.reduce_a());
        modules.extend((0..7).map(|_| make.b()));
        modules.push(make.reduce_b());
        modules.extend((0..3).map(|_| make.c()));
        Self { modules }
    }
}

impl<T: Flow> Backbone<T> for InceptionV4 {
    fn watched_maps(&self, tiles: T, watch: &mut dyn FnMut(&T)) -> T {
        let quarter = self.modules.len().div_ceil(4).max(1);
        self.modules.iter().enumerate().fold(tiles, |maps, (at, module)| {
            if at % quarter == 0 {
                watch(&maps);
            }
            module.forward(maps)
        })
    }

    fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = Vec::new();
        for (at, module) in self.modules.iter_mut().enumerate() {
            for Branch { convs, fork, .. } in &mut module.branches {
                for Named { name, conv } in convs.iter_mut().chain(fork) {
                    let at = if name.is_empty() { format!("features.{at}") } else { format!("features.{at}.{name}") };
                    layers.push(Layer::conv(format!("{at}.conv"), format!("{at}.bn"), conv));
                }
            }
        }
        layers
    }
}
