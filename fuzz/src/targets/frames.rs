//! What comes over the link.

use spanlayer_link::{Decoder, Frame};

/// The same frames in whatever pieces they come, and written again they are the same.
pub(super) fn link(data: &[u8]) {
    let whole = decoded([data]);
    let size = data.first().map_or(1, |first| usize::from(*first) + 1);
    assert_eq!(decoded(data.chunks(size)), whole, "in pieces of {size}");
    for frame in &whole {
        let mut written = Vec::new();
        frame.encode(&mut written);
        assert_eq!(decoded([&*written]), std::slice::from_ref(frame), "written again");
    }
}

/// The frames up to the first that is none.
fn decoded<'d>(pieces: impl IntoIterator<Item = &'d [u8]>) -> Vec<Frame> {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return frames,
            }
        }
    }
    frames
}
