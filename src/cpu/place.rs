//! Where values lie: joined maps in one room, rooms used again when their values are no longer needed, and those of one image
//! used again for the next where nothing looks at both.
//!
//! Invariant: a room is only ever used with one layout, so what lies around the maps stays zero for ever.

use super::fuse::{Pass, What};
use super::graph::Value;
use super::kernels::{LANES, PASSING};
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
    /// Numbers that each image has for itself.
    pub kept: usize,
    /// Numbers that images use one after another.
    pub passing: usize,
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
///
/// Passes that look at several images, by `several`, divide the others into stretches, which are run as a whole for one image
/// after another: what is made and read within a stretch lies in [`PASSING`] memory, and all else with its image.
pub(super) fn place(
    passes: &[Pass<'_>],
    outputs: &[Value],
    shapes: &[Option<Shape>],
    replaces: impl Fn(&Pass<'_>) -> Option<Value>,
    several: impl Fn(&Pass<'_>) -> bool,
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
    let stretches = stretches(passes, several);
    let passes_by = |index: usize| {
        let of = |pass: Option<usize>| pass.and_then(|pass| stretches[pass]);
        of(first[index]).is_some() && of(first[index]) == of(last[index])
    };
    let mut rooms = Rooms::default();
    let mut room_of: Vec<Option<usize>> = vec![None; shapes.len()];
    let mut replaced = Vec::new();
    for (at, pass) in passes.iter().enumerate() {
        for index in (0..shapes.len()).filter(|&index| first[index] == Some(at)) {
            let Some(shape) = shapes[index] else { continue };
            // A value that is a room by itself, is read here for the last time, and has the same layout.
            let over = replaces(pass).map(Value::index).filter(|&old| {
                let alike = shapes[old].is_some_and(|old| old.layout == shape.layout && old.channels == shape.channels);
                let alone = homes[old].is_none() && last[old] == Some(at) && passes_by(old) == passes_by(index);
                pass.output.index() == index && alone && alike
            });
            let room = over.and_then(|old| room_of[old].take());
            room_of[index] = Some(room.unwrap_or_else(|| rooms.take(shape, passes_by(index))));
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
    let (starts, [kept, passing]) = rooms.starts();
    let places = (0..shapes.len()).map(|index| {
        let (home, block) = root(Value::at(index));
        let (shape, room) = (shapes[index]?, room_of[home.index()]?);
        let layout = rooms.rooms[room].layout;
        Some(Place { layout, start: starts[room] + block * layout.block(), channels: shape.channels })
    });
    Placed { places: places.collect(), kept, passing }
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

/// The stretch that each pass is in; none for those that look at several images.
fn stretches(passes: &[Pass<'_>], several: impl Fn(&Pass<'_>) -> bool) -> Vec<Option<usize>> {
    let mut stretch = 0;
    let of = |pass| {
        let alone = !several(pass);
        stretch += usize::from(!alone);
        alone.then_some(stretch)
    };
    passes.iter().map(of).collect()
}

struct Room {
    layout: Layout,
    blocks: usize,
    passing: bool,
    free: bool,
}

#[derive(Default)]
struct Rooms {
    rooms: Vec<Room>,
}

impl Rooms {
    /// A free room of the same layout and memory, the one that fits best, or a new one.
    fn take(&mut self, shape: Shape, passing: bool) -> usize {
        let blocks = shape.channels.div_ceil(LANES);
        let fit = |(_, room): &(usize, &Room)| room.blocks.abs_diff(blocks);
        let alike = |room: &Room| room.layout == shape.layout && room.passing == passing;
        let free = self.rooms.iter().enumerate().filter(|(_, room)| room.free && alike(room));
        if let Some((at, _)) = free.min_by_key(fit) {
            let room = &mut self.rooms[at];
            room.free = false;
            room.blocks = room.blocks.max(blocks);
            return at;
        }
        self.rooms.push(Room { layout: shape.layout, blocks, passing, free: false });
        self.rooms.len() - 1
    }

    /// Where each room begins, and how much there is of both kinds of memory.
    fn starts(&self) -> (Vec<usize>, [usize; 2]) {
        let [mut kept, mut passing] = [0; 2];
        let starts = self.rooms.iter().map(|room| {
            let numbers = room.blocks * room.layout.block();
            let (end, mark) = if room.passing { (&mut passing, PASSING) } else { (&mut kept, 0) };
            *end += numbers;
            *end - numbers + mark
        });
        (starts.collect(), [kept, passing])
    }
}
