// Holds TTRPC.
