//! The bytes of a serial console as text. It must not know what is said on it.

/// The text without what steers a terminal: SeaBIOS and `poweroff` use it, and every line ends with a carriage return.
pub fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            // An escape sequence: `ESC [`, parameters, one letter (ECMA-48 5.4); or ESC and one character.
            '\x1b' => {
                if rest.next() == Some('[') {
                    rest.by_ref().find(|c| ('@'..='~').contains(c));
                }
            }
            '\n' | '\t' => clean.push(c),
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn only_the_text_is_left() {
        assert_eq!(clean(b"\x1bc\x1b[?7l\x1b[2JBoot\r\n\x1b[0mon\x07\ta\r\n\x1b["), "Boot\non\ta\n");
        assert_eq!(clean(b"\xff\x1b"), "\u{fffd}");
    }
}
