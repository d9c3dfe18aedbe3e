//! Where values lie: joined maps in one room, and rooms used again when their values are no longer needed.
//!
//! Invariant: a room is only ever used with one layout, so what lies around the maps stays zero for ever.

use super::fuse::{Pass, What};
use super::graph::Value;
use super::kernels::LANES;
use super::layout::{Layout, Place};

/// What is known of a value before it has a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub layout: Layout,
    pub channels: usize,
}

/// Places of all values, and what else must be done.
#[derive(Debug)]
pub(super) struct Placed {
    places: Vec<Option<Place>>,
    /// Numbers of an image.
    pub image: usize,
}

impl Placed {
    /// The place of a value that a pass makes.
    pub fn of(&self, value: Value) -> Option<Place> {
        self.places[value.index()]
    }
}

/// Whether all parts of a join begin with a block of channels.
pub(super) fn joins_blocks(parts: &[Value], channels: impl Fn(Value) -> usize) -> bool {
    parts[..parts.len() - 1].iter().all(|&part| channels(part).is_multiple_of(LANES))
}

/// Gives all values of the passes a place. `shapes` must agree in the layout of what is joined. A pass for which `replaces`
/// names a value may write over it, number by number, if nobody reads it later: that saves the way to memory and back.
pub(super) fn place(
    passes: &[Pass<'_>],
    outputs: &[Value],
    shapes: &[Option<Shape>],
    replaces: impl Fn(&Pass<'_>) -> Option<Value>,
) -> Placed {
    let channels = |value: Value| shapes[value.index()].map_or(0, |shape| shape.channels);
    // The join that a value is made in, and at which block.
    let mut homes: Vec<Option<(Value, usize)>> = vec![None; shapes.len()];
    for pass in passes {
        let What::Join(parts) = &pass.what else { continue };
        if !joins_blocks(parts, channels) {
            continue;
        }
        let mut block = 0;
        for &part in parts {
            let is_tile = shapes[part.index()].is_none_or(|shape| shape.layout.depth != LANES);
            if homes[part.index()].is_none() && !is_tile {
                homes[part.index()] = Some((pass.output, block));
            }
            block += channels(part).div_ceil(LANES);
        }
    }
    let root = |mut value: Value| {
        let mut block = 0;
        while let Some((home, at)) = homes[value.index()] {
            value = home;
            block += at;
        }
        (value, block)
    };
    let (first, last) = lifetimes(passes, outputs, shapes.len(), |value| root(value).0);
    let mut rooms = Rooms::default();
    let mut room_of: Vec<Option<usize>> = vec![None; shapes.len()];
    let mut replaced = Vec::new();
    for (at, pass) in passes.iter().enumerate() {
        for index in (0..shapes.len()).filter(|&index| first[index] == Some(at)) {
            let Some(shape) = shapes[index] else { continue };
            // A value that is a room by itself, is read here for the last time, and has the same layout.
            let over = replaces(pass).map(Value::index).filter(|&old| {
                let alike = shapes[old].is_some_and(|old| old.layout == shape.layout && old.channels == shape.channels);
                pass.output.index() == index && homes[old].is_none() && last[old] == Some(at) && alike
            });
            let room = over.and_then(|old| room_of[old].take());
            room_of[index] = Some(room.unwrap_or_else(|| rooms.take(shape)));
            if let (Some(old), Some(room)) = (over, room) {
                replaced.push((old, room));
            }
        }
        for index in (0..shapes.len()).filter(|&index| last[index] == Some(at)) {
            room_of[index].into_iter().for_each(|room| rooms.rooms[room].free = true);
        }
    }
    for (old, room) in replaced {
        room_of[old] = Some(room);
    }
    let starts = rooms.starts();
    let places = (0..shapes.len()).map(|index| {
        let (home, block) = root(Value::at(index));
        let (shape, room) = (shapes[index]?, room_of[home.index()]?);
        let layout = rooms.rooms[room].layout;
        Some(Place { layout, start: starts[room] + block * layout.block(), channels: shape.channels })
    });
    Placed { places: places.collect(), image: starts.last().copied().unwrap_or(0) }
}

/// When the room of each value is first written and last read; outputs are read after all passes.
fn lifetimes(
    passes: &[Pass<'_>],
    outputs: &[Value],
    count: usize,
    root: impl Fn(Value) -> Value,
) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
    let (mut first, mut last) = (vec![None; count], vec![None; count]);
    for (at, pass) in passes.iter().enumerate() {
        let made = root(pass.output).index();
        first[made] = first[made].or(Some(at));
        last[made] = Some(at);
        for input in pass.inputs() {
            last[root(input).index()] = Some(at);
        }
    }
    for &output in outputs {
        last[root(output).index()] = None;
    }
    (first, last)
}

struct Room {
    layout: Layout,
    blocks: usize,
    free: bool,
}

#[derive(Default)]
struct Rooms {
    rooms: Vec<Room>,
}

impl Rooms {
    /// A free room of the same layout, the one that fits best, or a new one.
    fn take(&mut self, shape: Shape) -> usize {
        let blocks = shape.channels.div_ceil(LANES);
        let fit = |(_, room): &(usize, &Room)| room.blocks.abs_diff(blocks);
        let free = self.rooms.iter().enumerate().filter(|(_, room)| room.free && room.layout == shape.layout);
        if let Some((at, _)) = free.min_by_key(fit) {
            let room = &mut self.rooms[at];
            room.free = false;
            room.blocks = room.blocks.max(blocks);
            return at;
        }
        self.rooms.push(Room { layout: shape.layout, blocks, free: false });
        self.rooms.len() - 1
    }

    /// Where each room begins, and where the last one ends.
    fn starts(&self) -> Vec<usize> {
        let mut starts = vec![0];
        let mut end = 0;
        for room in &self.rooms {
            end += room.blocks * room.layout.block();
            starts.push(end);
        }
        starts
    }
}
