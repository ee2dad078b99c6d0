// Holds BundleHarness.
