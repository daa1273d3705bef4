//! A slow inflater, written from RFC 1951 alone, that knows what the product's must not ask of a
//! peer: how far back the data refer, and whether they end between two blocks.

/// What a compressed message says.
#[derive(Debug, PartialEq)]
pub(crate) struct Inflated {
    pub(crate) bytes: Vec<u8>,
    /// The longest way back that a match goes.
    pub(crate) distance_max: usize,
}

/// Inflates the payload of a compressed message whose window begins with `history`.
pub(crate) fn inflate(history: &[u8], payload: &[u8]) -> Inflated {
    let mut input = payload.to_vec();
    input.extend([0x00, 0x00, 0xFF, 0xFF]);
    let mut bits = Bits { input: &input, at: 0 };
    let mut output = history.to_vec();
    let mut distance_max = 0;
    while bits.at < 8 * input.len() {
        assert_eq!(bits.take(1), 0, "BFINAL, which this crate never sends");
        match bits.take(2) {
            0 => stored(&mut bits, &mut output),
            1 => block(&mut bits, &fixed(), &mut output, &mut distance_max),
            2 => {
                let codes = dynamic(&mut bits);
                block(&mut bits, &codes, &mut output, &mut distance_max);
            }
            _ => panic!("a block of the reserved type"),
        }
    }
    Inflated { bytes: output.split_off(history.len()), distance_max }
}

struct Bits<'b> {
    input: &'b [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        let bit = |at: usize| usize::from(self.input[at / 8] >> (at % 8) & 1);
        let value = (0..count).map(|it| bit(self.at + it) << it).sum();
        self.at += count;
        value
    }

    fn symbol(&mut self, code: &Code) -> usize {
        let (mut value, mut first, mut index) = (0, 0, 0);
        for len in 1..16 {
            value = value << 1 | self.take(1);
            let count = code.counts[len];
            if value < first + count {
                return code.symbols[index + value - first];
            }
            index += count;
            first = (first + count) << 1;
        }
        panic!("no such code")
    }
}

/// A canonical Huffman code: how many codes each length has, and their symbols in order.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

fn code(lengths: &[usize]) -> Code {
    let mut symbols = Vec::new();
    let counts = std::array::from_fn(|len| {
        let before = symbols.len();
        let with = lengths.iter().enumerate().filter(|it| 0 < len && *it.1 == len);
        symbols.extend(with.map(|it| it.0));
        symbols.len() - before
    });
    Code { counts, symbols }
}

fn stored(bits: &mut Bits<'_>, output: &mut Vec<u8>) {
    bits.at = bits.at.next_multiple_of(8);
    let len = bits.take(16);
    assert_eq!(bits.take(16), !len & 0xFFFF);
    (0..len).for_each(|_| output.push(bits.take(8) as u8));
}

fn fixed() -> (Code, Code) {
    let lengths: Vec<usize> =
        [(144, 8), (112, 9), (24, 7), (8, 8)].iter().flat_map(|&(n, len)| vec![len; n]).collect();
    (code(&lengths), code(&[5; 30]))
}

fn dynamic(bits: &mut Bits<'_>) -> (Code, Code) {
    let literals = 257 + bits.take(5);
    let distances = 1 + bits.take(5);
    let mut lengths = [0; 19];
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    for place in &order[..4 + bits.take(4)] {
        lengths[*place] = bits.take(3);
    }
    let outer = code(&lengths);
    let mut lengths: Vec<usize> = Vec::new();
    while lengths.len() < literals + distances {
        let (len, times) = match bits.symbol(&outer) {
            16 => (*lengths.last().unwrap(), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            len => (len, 1),
        };
        lengths.extend(vec![len; times]);
    }
    assert_eq!(lengths.len(), literals + distances);
    (code(&lengths[..literals]), code(&lengths[literals..]))
}

fn block(
    bits: &mut Bits<'_>,
    (literals, distances): &(Code, Code),
    output: &mut Vec<u8>,
    distance_max: &mut usize,
) {
    loop {
        let len = match bits.symbol(literals) {
            literal @ 0..=255 => {
                output.push(literal as u8);
                continue;
            }
            256 => return,
            symbol @ 257..=264 => symbol - 254,
            285 => 258,
            symbol => {
                let extra = (symbol - 261) / 4;
                3 + ((4 + (symbol - 265) % 4) << extra) + bits.take(extra)
            }
        };
        let distance = match bits.symbol(distances) {
            symbol @ 0..=3 => 1 + symbol,
            symbol => {
                let extra = (symbol - 2) / 2;
                1 + ((2 + symbol % 2) << extra) + bits.take(extra)
            }
        };
        *distance_max = distance.max(*distance_max);
        let start = output.len().checked_sub(distance).expect("a match before the beginning");
        (0..len).for_each(|it| output.push(output[start + it]));
    }
}

#[test]
fn the_examples_of_the_specification_are_inflated() {
    let hello = |history: &str, hex: &[u8]| inflate(history.as_bytes(), hex);
    let plain = Inflated { bytes: b"Hello".to_vec(), distance_max: 0 };
    assert_eq!(hello("", &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]), plain);
    assert_eq!(hello("", b"\0\x05\0\xfa\xffHello\0"), plain);
    let referring = Inflated { bytes: b"Hello".to_vec(), distance_max: 5 };
    assert_eq!(hello("Hello", &[0xf2, 0x00, 0x11, 0x00, 0x00]), referring);
}
