//! How many connections there may be. In a function the limit is the function's, too; here the process is its own.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes all the descriptors that there may be, and says how many connections each receiver may have: a quarter, since
/// there are two, and destinations and files need some.
pub(super) fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // Where it is not allowed, it stays as it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    share(getrlimit(Resource::Nofile).current)
}

/// No limit is no reason for more than a machine can serve.
fn share(descriptors: Option<u64>) -> usize {
    let quarter = descriptors.map_or(MOST, |most| usize::try_from(most / 4).unwrap_or(MOST));
    quarter.clamp(LEAST, MOST)
}

const LEAST: usize = 16;
const MOST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_descriptors_is_for_each_receiver() {
        assert_eq!([Some(1024), Some(1 << 20), None, Some(10)].map(share), [256, MOST, MOST, LEAST]);
    }
}
