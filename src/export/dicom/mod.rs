//! A map becomes two DICOM files, of which archives and viewers know what they are: what was decided, as a segmentation
//! (`dicom/ID.seg.dcm`), and the numbers themselves, as a parametric map (`dicom/ID.pm.dcm`). A pixel is a cell of the map.
//!
//! Invariant: the three states of a cell stay apart in both, and the same slide and predictions give the same bytes.
//!
//! Coordinates: millimetres from the bottom-left corner of level 0, x right, y up, so that z points out of the slide as
//! DICOM wants it; the frame of reference is our own, because where the scan lies on the glass is not known. Pixel spacing
//! is the distance between cells, and a position is the centre of a cell.
//!
//! No patient: name, number, birth date and sex are empty; the slide's id is the container's. DICOM demands a date of
//! creation, which would make other bytes each time and is not known when a file is made of stored predictions: it is
//! 1900-01-01, and the files say of their dates, as DICOM has it, that they were `REMOVED`.

mod cielab;
mod common;
mod elements;
mod frames;
mod identity;
mod parametric_map;
mod segmentation;
#[cfg(test)]
mod tests;

pub(super) use parametric_map::write as write_parametric_map;
pub(super) use segmentation::write as write_segmentation;
