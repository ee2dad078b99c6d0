// Holds ContainerRuntime.
