//! A yes-or-no image, one byte a pixel, rows top to bottom.

use crate::geometry::Size;

/// A mask of `[H, W]`: true is foreground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    size: Size,
    data: Vec<bool>,
}

impl Mask {
    /// A mask of one value.
    pub fn filled(size: Size, value: bool) -> Self {
        Self { size, data: vec![value; size.w as usize * size.h as usize] }
    }

    /// Wraps values, or gives `None` when the length is not `w * h`.
    pub fn from_vec(size: Size, data: Vec<bool>) -> Option<Self> {
        (data.len() as u64 == size.area()).then_some(Self { size, data })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All values, `[H, W]`.
    pub fn as_slice(&self) -> &[bool] {
        &self.data
    }

    /// All values, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [bool] {
        &mut self.data
    }

    /// The value at a pixel; outside the image it is false.
    pub fn get(&self, x: i64, y: i64) -> bool {
        let inside = x >= 0 && y >= 0 && x < i64::from(self.size.w) && y < i64::from(self.size.h);
        inside && usize::try_from(y * i64::from(self.size.w) + x).is_ok_and(|at| self.data[at])
    }

    /// The number of foreground pixels.
    pub fn count(&self) -> usize {
        self.data.iter().filter(|&&value| value).count()
    }
}
