//! Letters for the legend of a picture: a 5 x 7 bitmap font in a cell of 6 x 9 pixels, drawn for this program.
//!
//! Printable ASCII and the superscript two of mm²; every other character becomes a question mark. Text is one line;
//! there is no kerning and no shaping.

/// Width of a character's cell, font pixels, the gap to the next one included.
pub(super) const CELL_W: u32 = 6;
/// Height of a character's cell, font pixels: 7 above the base line and 2 below.
pub(super) const CELL_H: u32 = 9;

/// Characters side by side in one band of the sheet.
const BAND: usize = 16;
/// The code of the superscript two, which has none in ASCII: that of DEL, which nobody prints.
const SUPERSCRIPT_TWO: usize = 0x7f;

/// Says whether a character inks the pixel (`x`, `y`) of its cell.
pub(super) fn inks(character: char, x: u32, y: u32) -> bool {
    let code = match character {
        '²' => SUPERSCRIPT_TWO,
        ' '..='~' => character as usize,
        _ => '?' as usize,
    };
    let (band, column) = ((code - 0x20) / BAND, (code - 0x20) % BAND);
    let line = SHEET.get(band * CELL_H as usize + y as usize).filter(|_| y < CELL_H && x < CELL_W);
    line.and_then(|line| line.as_bytes().get(column * CELL_W as usize + x as usize)) == Some(&b'#')
}

/// Width of a text at scale 1, font pixels.
pub(super) fn width(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_mul(CELL_W)
}

/// The characters 0x20 to 0x7f, 16 a band, 9 lines a band; the comment above each band names them.
#[rustfmt::skip]
const SHEET: [&str; 54] = [
    //       !     "     #     $     %     &     '     (     )     *     +     ,     -     .     /
    "        #    # #   # #    #   ##  #  ##     #      #   #                                      # ",
    "        #    # #   # #   #### ##  # #  #    #     #     #     #     #                         # ",
    "        #    # #  ##### # #      #  # #    #     #       #  # # #   #                        #  ",
    "        #          # #   ###    #    #           #       #   ###  #####       #####         #   ",
    "        #         #####   # #  #    # # #        #       #  # # #   #                      #    ",
    "                   # #  ####  #  ## #  #          #     #     #     #    ##          ##   #     ",
    "        #          # #    #   #  ##  ## #          #   #                 ##          ##   #     ",
    "                                                                          #                     ",
    "                                                                         #                      ",
    // 0     1     2     3     4     5     6     7     8     9     :     ;     <     =     >     ?
    "  #     #    ###  #####    #  #####   ##  #####  ###   ###                 #         #     ###  ",
    " # #   ##   #   #    #    ##  #      #        # #   # #   #  ##    ##     #           #   #   # ",
    "#   #   #       #   #    # #  ####  #        #  #   # #   #  ##    ##    #    #####    #      # ",
    "#   #   #      #     #  #  #      # ####    #    ###   ####             #               #    #  ",
    "#   #   #     #       # #####     # #   #  #    #   #     #  ##    ##    #    #####    #    #   ",
    " # #    #    #    #   #    #  #   # #   #  #    #   #    #   ##    ##     #           #         ",
    "  #    ###  #####  ###     #   ###   ###   #     ###   ##           #      #         #      #   ",
    "                                                                   #                            ",
    "                                                                                                ",
    // @     A     B     C     D     E     F     G     H     I     J     K     L     M     N     O
    " ###   ###  ####   ###  ###   ##### #####  ###  #   #  ###    ### #   # #     #   # #   #  ###  ",
    "#   # #   # #   # #   # #  #  #     #     #   # #   #   #      #  #  #  #     ## ## #   # #   # ",
    "# ### #   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # # ##  # #   # ",
    "# # # ##### ####  #     #   # ####  ####  # ### #####   #      #  ##    #     # # # # # # #   # ",
    "# ### #   # #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   # #  ## #   # ",
    "#     #   # #   # #   # #  #  #     #     #   # #   #   #   #  #  #  #  #     #   # #   # #   # ",
    " ###  #   # ####   ###  ###   ##### #      #### #   #  ###   ##   #   # ##### #   # #   #  ###  ",
    "                                                                                                ",
    "                                                                                                ",
    // P     Q     R     S     T     U     V     W     X     Y     Z     [     \     ]     ^     _
    "####   ###  ####   #### ##### #   # #   # #   # #   # #   # #####  ###  #      ###    #         ",
    "#   # #   # #   # #       #   #   # #   # #   # #   # #   #     #  #    #        #   # #        ",
    "#   # #   # #   # #       #   #   # #   # #   #  # #  #   #    #   #     #       #  #   #       ",
    "####  #   # ####   ###    #   #   # #   # # # #   #    # #    #    #      #      #              ",
    "#     # # # # #       #   #   #   # #   # # # #  # #    #    #     #       #     #              ",
    "#     #  #  #  #      #   #   #   #  # #  # # # #   #   #   #      #        #    #              ",
    "#      ## # #   # ####    #    ###    #    # #  #   #   #   #####  ###      #  ###              ",
    "                                                                                          ##### ",
    "                                                                                                ",
    // `     a     b     c     d     e     f     g     h     i     j     k     l     m     n     o
    " #          #               #         ##        #       #      #  #      ##                     ",
    "  #         #               #        #  #       #                 #       #                     ",
    "   #   ###  ####   ###   ####  ###   #     #### # ##   ##     ##  #  #    #   ## #  # ##   ###  ",
    "          # #   # #     #   # #   # ###   #   # ##  #   #      #  # #     #   # # # ##  # #   # ",
    "       #### #   # #     #   # #####  #    #   # #   #   #      #  ##      #   # # # #   # #   # ",
    "      #   # #   # #   # #   # #      #    #   # #   #   #      #  # #     #   # # # #   # #   # ",
    "       #### ####   ###   ####  ###   #     #### #   #  ###     #  #  #   ###  #   # #   #  ###  ",
    "                                              #             #  #                                ",
    "                                           ###               ##                                 ",
    // p     q     r     s     t     u     v     w     x     y     z     {     |     }     ~     ²
    "                         #                                          ##    #    ##          ##   ",
    "                         #                                         #      #      #        #  #  ",
    "####   #### # ##   #### ###   #   # #   # #   # #   # #   # #####  #      #      #   #       #  ",
    "#   # #   # ##  # #      #    #   # #   # #   #  # #  #   #    #  #       #       # # # #   #   ",
    "#   # #   # #      ###   #    #   # #   # # # #   #   #   #   #    #      #      #     #   #    ",
    "#   # #   # #         #  #  # #  ##  # #  # # #  # #  #   #  #     #      #      #        ####  ",
    "####   #### #     ####    ##   ## #   #    # #  #   #  #### #####   ##    #    ##               ",
    "#         #                                               #               #                     ",
    "#         #                                            ###                                      ",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_character_has_its_own_shape_and_keeps_the_gap() {
        assert!(SHEET.iter().all(|line| line.len() == BAND * CELL_W as usize));
        let cell = || (0..CELL_H).flat_map(|y| (0..CELL_W).map(move |x| (x, y)));
        let shape = |c: char| -> Vec<bool> { cell().map(|(x, y)| inks(c, x, y)).collect() };
        let shapes: std::collections::HashSet<_> = (' '..='~').chain(['²']).map(shape).collect();
        assert_eq!(shapes.len(), 96);
        assert!((' '..='~').all(|c| (0..CELL_H).all(|y| !inks(c, CELL_W - 1, y))));
        assert_eq!(shape('é'), shape('?'));
        assert!(!inks('#', 99, 0) && !inks('#', 0, 99));
    }
}
