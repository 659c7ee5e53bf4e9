//! Memory that is looked at soon.

/// Bytes that come at once.
const LINE: usize = 64;

/// Has all lines brought here in which this stands, and waits for none of them.
#[inline(always)]
pub fn fetch<T>(what: &T) {
    let start = std::ptr::from_ref(what).cast::<i8>();
    for at in (0..size_of::<T>()).step_by(LINE) {
        line(start.wrapping_add(at));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn line(at: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: this is a hint. Nothing is read, and there is no address with which it fails.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at) }
}

/// Elsewhere memory comes when it is looked at.
#[cfg(not(target_arch = "x86_64"))]
fn line(_: *const i8) {}
