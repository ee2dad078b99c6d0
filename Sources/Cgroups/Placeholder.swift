// Holds Cgroups.
