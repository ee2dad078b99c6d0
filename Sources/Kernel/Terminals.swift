// Pseudo-terminals. pty(7), ioctl_tty(2).

internal import CLinux
internal import Glibc

/// Rows and columns of a terminal.
package struct WindowSize: Equatable, Sendable {
    package var rows: UInt16
    package var columns: UInt16
    package init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }
}

/// The size of the terminal of a descriptor. `TIOCGWINSZ`.
package func windowSize(of terminal: Int32) throws(Errno) -> WindowSize {
    var size = WindowSize(rows: 0, columns: 0)
    try checked { unsafe clinux_window_size(terminal, &size.rows, &size.columns) }
    return size
}

/// Changes the size of a terminal. `TIOCSWINSZ`.
package func setWindowSize(_ size: WindowSize, of terminal: Int32) throws(Errno) {
    try checked { clinux_set_window_size(terminal, size.rows, size.columns) }
}

/// Opens the slave of an open `ptmx`, in the same mount as the master. `TIOCGPTPEER`.
///
/// No name is looked up, so a link in the container's /dev/pts has no effect (CVE-2025-52565).
package func openTerminalPeer(of master: borrowing OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
    let number = master.rawValue
    var locked: Int32 = 0
    try checked { unsafe clinux_ioctl(number, UInt(CLINUX_TIOCSPTLCK), &locked) }
    let flags = UInt((OpenFlags.readWrite | .noControllingTerminal | .closeOnExec).rawValue)
    return OwnedDescriptor(adopting: try checked { clinux_ioctl_value(number, UInt(CLINUX_TIOCGPTPEER), flags) })
}

/// The number N of the slave `/dev/pts/N`. `TIOCGPTN`.
package func terminalNumber(of master: borrowing OwnedDescriptor) throws(Errno) -> UInt32 {
    let number = master.rawValue
    var index: UInt32 = 0
    try checked { unsafe clinux_ioctl(number, UInt(CLINUX_TIOCGPTN), &index) }
    return index
}

/// Makes the terminal the controlling terminal of the calling session. `TIOCSCTTY`.
package func takeControllingTerminal(_ terminal: Int32) throws(Errno) {
    try checked { clinux_ioctl_value(terminal, UInt(TIOCSCTTY), 0) }
}

/// Restores the settings of a terminal at the end of the value's life.
package final class RawTerminal {
    private let terminal: Int32
    private var saved: termios

    /// Passes every key through unchanged. Output is still processed, because newlines are translated here.
    /// termios(3): `cfmakeraw`, but `OPOST` stays set.
    package init(_ terminal: Int32) throws(Errno) {
        self.terminal = terminal
        saved = termios()
        var settings = termios()
        try checked { unsafe tcgetattr(terminal, &settings) }
        saved = settings
        unsafe cfmakeraw(&settings)
        settings.c_oflag = saved.c_oflag
        try checked { unsafe tcsetattr(terminal, TCSANOW, &settings) }
    }

    deinit {
        var settings = saved
        _ = unsafe tcsetattr(terminal, TCSADRAIN, &settings)
    }
}

/// Disables newline translation on a terminal whose output appears on another terminal, which does the translation.
/// termios(3), `ONLCR`.
package func clearNewlineTranslation(_ terminal: Int32) throws(Errno) {
    var settings = termios()
    try checked { unsafe tcgetattr(terminal, &settings) }
    settings.c_oflag &= ~tcflag_t(ONLCR)
    try checked { unsafe tcsetattr(terminal, TCSANOW, &settings) }
}

/// Whether a descriptor is a terminal.
package func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
