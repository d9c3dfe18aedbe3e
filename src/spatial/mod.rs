//! How values lie on a grid and points in a plane, as numbers. No maps, no files, no slides: cells and values in, figures out.
//!
//! Invariants: what is not defined is `None`, never a number that stands for nothing; what is random follows from a seed
//! alone, to the bit, on any number of threads. Distances of cells are in cells, those of points in the points' unit.

mod autocorrelation;
mod class_distance;
mod conditional;
mod cross;
mod enrichment;
mod envelope;
mod getis_ord;
mod joins;
mod labelling;
mod lattice;
mod local_geary;
mod local_moran;
mod multiple;
mod nearest;
mod neighbours;
mod ripley;
mod significance;
mod tree;
mod values;
mod weights;
mod window;

pub use autocorrelation::{Association, Autocorrelation, autocorrelation};
pub use class_distance::{ClassDistance, class_distance};
pub use cross::{CrossAssociation, Lee, bivariate_moran, lee};
pub use enrichment::{Contact, contacts};
pub use getis_ord::{gi, gi_star};
pub use joins::{JoinCount, JoinCounts, join_counts};
pub use labelling::{MarkedL, MarkedRadius, RELABELLINGS, marked_l};
pub use lattice::Lattice;
pub use local_geary::local_geary;
pub use local_moran::{LocalMoran, Quadrant, local_bivariate_moran, local_moran};
pub use multiple::{benjamini_hochberg, holm};
pub use nearest::{ClarkEvans, clark_evans, nearest_between, nearest_distances};
pub use neighbours::{Contiguity, Neighbours};
pub use ripley::{Edges, Ripley, cross_ripley, ripley};
pub use significance::{NormalTest, PermutationTest, Permutations, two_sided_p};
pub use window::{Point, Window};
