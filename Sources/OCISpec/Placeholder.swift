// Holds OCISpec.
