//! Where everything is in a store.
//!
//! ```text
//! super block A │ super block B │ span 0 │ span 1 │ …
//! span: a directory of one slot a region │ its regions
//! region: record │ record │ … │ footer, if the slot has no room for all entries
//! ```

use super::PAGE_BYTES;

/// Regions a store may have: as many as the index can tell apart and the bad-map can hold.
pub(in crate::engine) const REGIONS_MAX: u32 = 32_000;
/// Bytes of the two super blocks.
const SUPER_BYTES: u64 = 2 * PAGE_BYTES;

/// Where everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Geometry {
    pub(in crate::engine) region_bytes: u64,
    pub(in crate::engine) span_regions: u32,
    pub(in crate::engine) regions: u32,
}

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Address {
    pub(in crate::engine) region: u32,
    pub(in crate::engine) page: u32,
    /// The same, in bytes from the start of the store.
    pub(in crate::engine) offset: u64,
}

impl Geometry {
    /// Bytes a region may have: 16 KiB to 128 MiB, in powers of two.
    pub(in crate::engine) const REGION_BYTES_MIN: u64 = 16 << 10;
    pub(in crate::engine) const REGION_BYTES_MAX: u64 = 128 << 20;
    /// Regions below which a store could not keep its streams apart and still evict.
    pub(in crate::engine) const REGIONS_MIN: u32 = 8;

    /// The best use of `bytes`, or `None` if they are too few for a store.
    ///
    /// Regions are of 64 MiB, of 32 MiB in a store under 64 GiB, and smaller where there would be
    /// fewer than 16 of them.
    pub(in crate::engine) fn plan(bytes: u64, region_bytes: Option<u64>) -> Option<Self> {
        let usual = if bytes < 64 << 30 { 32 << 20 } else { 64 << 20 };
        let mut region_bytes = region_bytes.unwrap_or_else(|| usual.min(floor_power(bytes / 16)));
        region_bytes = region_bytes.clamp(Self::REGION_BYTES_MIN, Self::REGION_BYTES_MAX);
        while bytes / region_bytes > u64::from(REGIONS_MAX) && region_bytes < Self::REGION_BYTES_MAX
        {
            region_bytes *= 2;
        }
        let span_regions = if region_bytes < 1 << 20 { 16 } else { 64 };
        let empty = Self {
            region_bytes: floor_power(region_bytes),
            span_regions,
            regions: 0,
        };
        empty.resized(bytes)
    }

    /// The same regions, more or fewer of them.
    pub(in crate::engine) fn resized(self, bytes: u64) -> Option<Self> {
        let usable = bytes.checked_sub(SUPER_BYTES)?;
        let spans = usable / self.span_bytes();
        let rest = (usable % self.span_bytes()).saturating_sub(self.directory_bytes());
        let regions = spans * u64::from(self.span_regions) + rest / self.region_bytes;
        let regions = u32::try_from(regions).unwrap_or(u32::MAX).min(REGIONS_MAX);
        (regions >= Self::REGIONS_MIN).then_some(Self { regions, ..self })
    }

    /// Bytes of the whole store.
    pub(in crate::engine) fn file_bytes(self) -> u64 {
        let last = self.regions.saturating_sub(1);
        self.region_offset(last) + self.region_bytes
    }

    pub(in crate::engine) const fn spans(self) -> u32 {
        self.regions.div_ceil(self.span_regions)
    }

    /// Where the directory of a span begins.
    pub(in crate::engine) fn directory_offset(self, span: u32) -> u64 {
        SUPER_BYTES + u64::from(span) * self.span_bytes()
    }

    pub(in crate::engine) fn directory_bytes(self) -> u64 {
        u64::from(self.span_regions) * PAGE_BYTES
    }

    pub(in crate::engine) fn slot_offset(self, region: u32) -> u64 {
        let within = u64::from(region % self.span_regions);
        self.directory_offset(region / self.span_regions) + within * PAGE_BYTES
    }

    pub(in crate::engine) fn region_offset(self, region: u32) -> u64 {
        let within = u64::from(region % self.span_regions);
        self.directory_offset(region / self.span_regions)
            + self.directory_bytes()
            + within * self.region_bytes
    }

    /// Where in the store a page of a region lies.
    pub(in crate::engine) fn page_offset(self, region: u32, page: u32) -> u64 {
        self.region_offset(region) + u64::from(page) * PAGE_BYTES
    }

    /// The same as an address.
    pub(in crate::engine) fn address(self, region: u32, page: u32) -> Address {
        Address {
            region,
            page,
            offset: self.page_offset(region, page),
        }
    }

    pub(in crate::engine) fn region_pages(self) -> u32 {
        u32::try_from(self.region_bytes / PAGE_BYTES).expect("a region has at most 32,768 pages")
    }

    fn span_bytes(self) -> u64 {
        u64::from(self.span_regions) * (PAGE_BYTES + self.region_bytes)
    }

    pub(super) fn is_sound(self) -> bool {
        let bytes = Self::REGION_BYTES_MIN..=Self::REGION_BYTES_MAX;
        bytes.contains(&self.region_bytes)
            && self.region_bytes.is_power_of_two()
            && (1..=4096).contains(&self.span_regions)
            && (Self::REGIONS_MIN..=REGIONS_MAX).contains(&self.regions)
    }
}

const fn floor_power(bytes: u64) -> u64 {
    match bytes.checked_ilog2() {
        Some(power) => 1 << power,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_fit_the_size_and_never_overlap() {
        for bytes in [1 << 20, 5_000_000, 64 << 20, 10 << 30, 100 << 30, 4 << 40] {
            let geometry = Geometry::plan(bytes, None).unwrap();
            assert!(geometry.file_bytes() <= bytes, "{geometry:?}");
            assert!(geometry.is_sound(), "{geometry:?}");
            let lost = bytes - u64::from(geometry.regions) * geometry.region_bytes;
            assert!(lost <= bytes / 4, "{lost} of {bytes} lost by {geometry:?}");
            for region in 1..geometry.regions {
                let end = geometry.region_offset(region - 1) + geometry.region_bytes;
                assert!(geometry.region_offset(region) >= end);
                assert!(geometry.slot_offset(region) != geometry.slot_offset(region - 1));
            }
        }
        assert_eq!(Geometry::plan(100_000, None), None);
    }

    #[test]
    fn regions_are_of_the_documented_size() {
        let region_bytes = |bytes| Geometry::plan(bytes, None).unwrap().region_bytes;
        assert_eq!(region_bytes(10 << 30), 32 << 20);
        assert_eq!(region_bytes(64 << 30), 64 << 20);
        assert_eq!(region_bytes(64 << 20), 4 << 20);
    }

    #[test]
    fn a_resized_store_keeps_its_regions_in_place() {
        let small = Geometry::plan(64 << 20, None).unwrap();
        let large = small.resized(1 << 30).unwrap();
        assert!(large.regions > small.regions);
        for region in 0..small.regions {
            assert_eq!(small.region_offset(region), large.region_offset(region));
            assert_eq!(small.slot_offset(region), large.slot_offset(region));
        }
    }
}
