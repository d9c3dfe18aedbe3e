//! A slide and its predictions → identifiers that are the same for the same content, and others for any other.
//!
//! An identifier is `2.25.` and the number of a UUID (ISO/IEC 9834-8) whose bits are a digest (version 8, RFC 9562), so it
//! needs no register. It names no slide to whom has not the slide.

use crate::export::MapOutputs;
use crate::map::Cell;
use blake3::{Hash, Hasher};

/// Changing it gives every file new identifiers.
const CONTEXT: &str = "eosin 2026-11-21 identifiers of DICOM files";

/// Identifiers of one file.
pub(super) struct Identity {
    /// One for each slide, as all files of it are one study.
    pub study: String,
    /// One for each slide, in which all places on it are told.
    pub frame_of_reference: String,
    /// One for each slide.
    pub specimen: String,
    pub series: String,
    pub instance: String,
    pub dimensions: String,
}

/// A digest of fields, each with its length, so that no two lists of fields run together.
struct Fields(Hasher);

impl Fields {
    fn new() -> Self {
        Self(Hasher::new_derive_key(CONTEXT))
    }

    fn add(&mut self, field: &[u8]) -> &mut Self {
        self.0.update(&(field.len() as u64).to_le_bytes()).update(field);
        self
    }

    fn add_all<T>(&mut self, values: impl IntoIterator<Item = T>, bytes: impl Fn(T) -> [u8; 8]) -> &mut Self {
        let mut field = Vec::new();
        values.into_iter().for_each(|value| field.extend(bytes(value)));
        self.add(&field)
    }

    fn digest(&self) -> Hash {
        self.0.finalize()
    }
}

impl Identity {
    /// `kind` tells apart the files that are made of one map.
    pub fn of(outputs: &MapOutputs<'_>, kind: &str) -> Self {
        let slide = slide(outputs);
        let cells = cells(outputs, &slide);
        let of_kind = |what: &str| uid(&[kind, what], &cells);
        Self {
            study: uid(&["study"], &slide),
            frame_of_reference: uid(&["frame of reference"], &slide),
            specimen: uid(&["specimen"], &slide),
            series: of_kind("series"),
            instance: of_kind("instance"),
            dimensions: of_kind("dimensions"),
        }
    }
}

/// What is known of the slide itself.
fn slide(outputs: &MapOutputs<'_>) -> Hash {
    let (map, picture) = (outputs.map, outputs.thumbnail);
    let sides = [map.slide_l0().w, map.slide_l0().h, picture.size().w, picture.size().h];
    Fields::new()
        .add(outputs.id.as_bytes())
        .add_all(sides, |side| u64::from(side).to_le_bytes())
        .add(&map.mpp().get().to_le_bytes())
        .add(picture.as_bytes())
        .digest()
}

/// Everything else that a file is made of: the map as it is, whose cells may be larger than tiles, or smoothed.
fn cells(outputs: &MapOutputs<'_>, slide: &Hash) -> Hash {
    let map = outputs.map;
    let mut fields = Fields::new();
    fields.add(slide.as_bytes()).add(env!("CARGO_PKG_VERSION").as_bytes()).add(outputs.model.as_bytes());
    fields.add(map.meaning().name().as_bytes());
    for (column, name) in map.class_names().iter().enumerate() {
        fields.add(name.as_bytes()).add(map.meaning().unit(column).unwrap_or_default().as_bytes());
    }
    fields.add(outputs.colours.as_flattened());
    let grid = [map.cols(), map.rows(), map.step_l0(), map.cell_side_l0()].map(i64::from);
    fields.add_all(grid.into_iter().chain(<[i64; 2]>::from(map.origin_l0())), i64::to_le_bytes);
    for (_, _, cell) in map.cells() {
        match cell {
            Cell::Scored(row) => fields.add_all(row, |score| u64::from(score.to_bits()).to_le_bytes()),
            Cell::Failed => fields.add(b"failed"),
            Cell::NoTissue => fields.add(b"no tissue"),
        };
    }
    fields.digest()
}

fn uid(what: &[&str], content: &Hash) -> String {
    let mut fields = Fields::new();
    for what in what {
        fields.add(what.as_bytes());
    }
    let digest = fields.add(content.as_bytes()).digest();
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest.as_bytes()[..16]);
    // Version 8 and the variant of RFC 9562.
    bits[6] = bits[6] & 0x0f | 0x80;
    bits[8] = bits[8] & 0x3f | 0x80;
    format!("2.25.{}", u128::from_be_bytes(bits))
}
