// Holds ShimAPI.
