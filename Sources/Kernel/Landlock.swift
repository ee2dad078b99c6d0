// Whether the kernel has Landlock. landlock(7).

internal import CLinux

/// The version of Landlock; 0 if the kernel lacks it or has it disabled.
package func landlockVersion() -> Int {
    let askForVersion: UInt32 = 1  // LANDLOCK_CREATE_RULESET_VERSION
    return max(0, Int(clinux_landlock_create_ruleset(nil, 0, askForVersion)))
}
