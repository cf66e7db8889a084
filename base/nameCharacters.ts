// Which characters a name may have, and which say nothing of it. Frozen: the categories of the Unicode Character Database 14.0
// (UnicodeData.txt), the oldest that a Node of ours knows. The tables of a newer one would know more characters, and two validators with
// different builds of Node would then judge one name differently. Owns: the tables. Not: what a name is (names.ts).
//
// Ranges in order, in base 36: the distance of the first code point to the last one before, and how many follow it.
/** All but control, format, unassigned and private characters, surrogates, line and paragraph separators. */
const PRINTABLE =
  'w+2m y+c 2+jt 3+5 5+6 2 2+j 2+b0 2+11 3+1d 3+2 2+1i 9+q 5+5 i+l 2+5b 2+1b 3+1m 3+2s f+1m 3+1c 3+e 2+r 3 2+a 6+u a+21 2+4g 2+7 3+1 3+l 2+6 2 ' +
  '4+3 3+8 3+1 3+3 9 5+1 2+4 3+o 3+2 2+5 5+1 3+l 2+6 2+1 2+1 2+1 3 2+4 5+1 3+2 4 8+3 2 8+g b+2 2+8 2+2 2+l 2+6 2+1 2+4 3+9 2+2 2+2 3 g+3 3+b ' +
  '8+6 2+2 2+7 3+1 3+l 2+6 2+1 2+4 3+8 3+1 3+2 8+2 5+1 2+4 3+h b+1 2+5 4+2 2+3 4+1 2 2+1 4+1 4+2 4+b 5+4 4+2 2+3 3 7 f+k 6+c 2+2 2+m 2+f 3+8 ' +
  '2+2 2+3 8+1 2+2 3 3+3 3+9 8+l 2+2 2+m 2+9 2+4 3+8 2+2 2+3 8+1 7+1 2+3 3+9 2+1 e+c 2+2 2+1e 2+2 2+5 5+f 3+p 2+2 2+h 4+n 2+8 2 3+6 4 5+5 2 2+7 ' +
  '7+9 3+2 d+1l 5+s 12+1 2 2+4 2+n 2 2+m 3+4 2 2+5 3+9 3+3 x+1z 2+z 5+12 2+z 2+e 2+c 12+5h 2 6 3+ag 2+3 3+6 2 2+3 3+14 2+3 3+w 2+3 3+6 2 2+3 ' +
  '3+e 2+1k 2+3 3+1u 3+v 4+p 7+2d 3+5 3+ik 4+2g 8+l a+n a+j d+c 2+2 2+1 d+2l 3+9 7+9 7+d 2+a 7+2g 8+16 6+1x b+u 2+b 5+b 5 4+15 3+4 c+17 5+p 7+a ' +
  '4+1p 3+1s 2+s 3+a 7+9 7+d 3+u 1e+24 4+1a 2+37 9+1n 4+e 4+1n 8+16 3+a 9+16 6+et 3+5 3+11 3+5 3+7 2 2 2 2+u 3+1g 2+e 2+d 3+5 2+i 3+2 2+8 2+a ' +
  '6+n 8+1c h+1 3+q 2+c 4+w g+w g+3v 5+ie q+a m+1eb 3+v 2+9o 6+18 2 6 3+1j 8+1 f+n a+6 2+6 2+6 2+6 2+6 2+6 2+6 2+6 2+3h z+p 2+2g d+5x r+b 5+1r ' +
  '2+2d 3+2u 6+16 2+2l 2+2b d+1a 2+mlo 4+1i a+9n l+53 9+5m 6+1 2 2+4 p+1m 4+9 7+1j 9+1x 9+b 7+37 c+t 4+25 2+a 5+w 2+1i a+d 3+9 3+2u p+r b+5 3+5 ' +
  '3+5 a+6 2+6 2+1n 5+3h 3+9 7+8mb d+m 5+1c 6it+a5 3+2x 13+6 d+4 6+p 2+4 2 2+1 2+1 2+3g h+cc 3+1h 8 x+15 7+1e 2+i 2+3 5+4 2+3q 5+59 4+5 3+5 3+5 ' +
  '3+2 4+6 2+6 e+1 3+b 2+p 2+i 2+1 2+e 3+d z+3e 6+2 5+18 4+2f 2+c 4 1c+19 3n+s 4+1c g+r 5+z a+t 6+16 6+t 2+10 5+d 17+4d 3+9 7+z 5+z 5+13 9+1f ' +
  'c+b 2+e 2+6 2+1 2+a 2+e 2+6 2+1 1w+8m a+l b+7 p+5 2+15 2+8 1y+5 3 2+17 2+1 4 3+m 2+1z 9+8 1d+i 2+1 6+w 4+q 6 1t+1j 5+j 3+1d 2+1 6+7 2+2 2+s ' +
  '3+2 5+9 8+8 8+1r x+12 5+b a+1h 4+s 3+q 6+p 8+3 d+6 29+20 1k+1e e+1e 8+19 9+9 87+u 2+15 2+2 3+1 27+13 9+15 n+p 13+r l+m a+25 5+z a+1p 2+4 e+o ' +
  '8+9 7+1g 2+h 9+12 a+2n 2+j c+h 2+17 1u+6 2 2+3 2+e 2+a 7+1m 6+9 7+3 2+7 3+1 3+l 2+6 2+1 2+4 2+9 3+1 3+2 3 7 6+6 3+6 4+4 3w+2j 2+4 v+1z 9+9 ' +
  '4n+1h 3+11 z+1w c+9 7+c k+1l 7+9 1j+q 3+e 5+m 56+1n 2t+2a d+7 3 3+7 2+1 2+t 2+1 3+b a+9 1z+7 3+19 3+a s+1z 9+2a e+20 7c+8 2+18 2+d b+s 4+v ' +
  '3+l 2+d 22+6 2+1 2+17 4 2+1 2+8 9+9 7+5 2+1 2+10 2+1 2+5 8+9 8n+o 54 g+1d e+pm 2v+32 2+4 c+5f 219+2q e+tq 34i+g6 6nu+fs 8+u 2+9 5+28 2+9 7+t ' +
  '3+5 b+1x b+9 2+6 2+k 6+i j5+2i 2u+22 5+1k 8+g 1t+4 c+1 f+4qf 9+yd 17+8 6w8+3 2+6 2+1 2+82 1a+2 i+3 9+az 1s5+2y 6+c 4+8 8+9 3+3 3mp+19 3+m ' +
  'a+37 1p+6t b+12 3+21 9+33 m+1x 4b+j d+2e a+o 3s+2c 2+1y 2+1 3 3+1 3+3 2+b 2 2+6 2+1s 2+3 3+7 2+6 2+r 2+3 2+4 2 4+6 2+9f 3+83 3+jh g+4 2+e ' +
  'up+u 6a+6 2+g 3+6 2+1 2+4 5y+18 4+d 3+9 5+1 8x+u i+1l 6 yp+6 2+3 2+1 2+e 2+5g 3+f 16+23 5+9 5+1 lu+1v 25+1o 5f+3 2+q 2+1 2 3 2+9 2+3 2 2 7 5 ' +
  '2 2 2+2 2+1 2 3 2 2 2 2 2+1 2 3+3 2+6 2+3 2+3 2 2+9 2+g 6+2 2+4 2+g 1h+1 7j+17 5+2r d+e 3+e 2+e 2+10 b+4t 1l+s e+17 5+8 8+1 f+5 4b+rb 6+f ' +
  '4+c 4+37 d+2g 8+b 5 g+b 5+1j 9+9 7+13 9+t 3+1 27+9f d+d 3+4 4+4 4+6 a+s 4+a 6+5 b+9 7+7 9+6 a+42 2+1i 12+9 sn+wyn x+37c 8+65 3+4g1 f+5rk ' +
  '2e8+f1 15v+3t6 fcmu+6n'

/** Marks, punctuation, symbols, spaces. */
const SILENT =
  'w+f b+6 r+5 r+3 y+9 2+1 2+3 3 2+2 3 4 o w cr+3 d+d 6+6 2 2+3k 6 9 6+1 2 33 3w+7 5t+5 16+1 3+2 2+1i 18+1 i+l 2+2 18+k b+3 3 2s 2+6 2+6 3+6 ' +
  'g+1 2+d 4 v+q 2k+a 1n+8 3+3 4+2 n+3 2+8 2+2 2+4 3+e r+2 3 16 g+7 17+n 2+w 1j+2 2+h 2+6 b+3 b h+2 1l 2+6 3+1 3+2 a b+1 f+1 7+1 2+1 3+2 1l 2+4 ' +
  '5+1 3+2 4 v+1 4+1 b+2 1l 2+7 2+2 2+2 l+1 d+1 9+5 2+2 1l 2+6 3+1 3+2 8+2 b+1 d i 1o+4 4+2 2+3 a s+7 6+4 1k 2+6 2+2 2+3 8+1 c+1 k 8 2+3 1k 2+6 ' +
  '2+2 2+3 8+1 c+1 t+3 1k+1 2+6 2+2 2+3 2 8 b+1 m 8+2 1z 5+5 2 2+7 j+2 1p 3+6 5 8+8 b+1 2e 3+8 c+5 1g+u l+b 1e+m 6+a 2+z 2+e 2+c 29+j c+5 7+3 ' +
  '5+2 2+2 3+6 4+3 e+b 2 b+5 2k gy+b 14+9 2v h9+1 i r+1 27+2 11+3 t+4 s+1 v+1 1t+y 2+3 2 z+d 2 3a+1 z 3b+b 5+b 5 4+1 49+x o+4 3+1 1i+9 2+s 3 ' +
  'x+6 2+5 3+u 1e+4 1c+g m+10 2+2 v+c 1l+d 9+3 11+j 4+4 1r+1 1t+7 9+o 5 7 3+2 5j+1r ce 2+2 c+2 e+2 e+2 e+1 2+a 6+p 6+1c r+4 c+4 i+w g+w g+1 2+3 ' +
  '2+1 b 2+2 6+5 2 2 2 5 c+1 5+4 6+3 2 1n+1 5+ie q+a 2a+25 n+hh v+rj 3+v 2+2w 6e+5 5+2 8+3 2+1 35 f 2p+26 2+19 z+p 2+2g d+5x r+b 5+4 4+o a+6 ' +
  '6+1 6+2 2i+3 4 2j 45+1 5+9 x+z t+u c+t 9 g+v b+12 g+8v 535+1r h3l+1i 1k+1 7i+2 2o+f w+1 29+7 9+m a+1 2w+1 3c 4 5 o+9 a+3 1n+3 9+1 1f+h 9+1 ' +
  'h+h 7+2 2 3 13+9 o+c c x+3 1c+q h+1 6 1w+d d 9+1 f+3 o+2 2+2 1f 2+2 3+1 6+1 2 t+1 c+6 4+1 2t f+1 3c+a fn5 b 3t+g ak+h 3k 19+t 7+1e 2+i 2+3 ' +
  '46+e b+6 r+5 r+a 3f+6 2+6 e+1 77+2 1h+8 1m+g 3+2 2+c 4 1c+19 6b 46+4 11 1d bj ko w+1 4n w 5e+2 2+1 6+3 15+2 5 h+8 13 21 t+1 a+6 1v+6 2i+3 ' +
  'aw+3 as+2 49+a 5+4 15+7 3b+2 1i+l z 3+1 b+3 1a+c 2+4 1q+2 11+d c+3 2+1 19+2 b+2 1d+d 5+a c 2+2 25+i 2z 1i+b m+3 1k+1 2+6 3+1 3+2 a b+1 3+6 ' +
  '4+4 5d+h 5+4 b+1 2+1 2a+j 3 6h+6 3+v 5+1 2b+j t+c 1r+c 2 2s+e h+3 6l+f 6t+5 2+1 3+3 2 2+4 3v+6 3+6 2 2 t+9 15+6 2+c a+a 1b+i 2+4 b1+7 2+7 ' +
  '2+4 17+1 x+l 2+d 3f+5 4 2+1 2+6 2 1v+4 2+1 2+4 9o+5 65+s e vl+4 29p+1 bjw+1 3l+5 1n+f 5+1 nm+3 51 2+1i 8+3 28 2 c+1 f57+3 3mp+19 3+m a+37 ' +
  '1p+6t b+12 3+21 9+33 m+1x 57+2e ob q w q w q w q w q 1p+i3 g+4 2+e 11t+6 2+g 3+6 2+1 2+4 7a+6 p 9r 1q+3 g 15d+6 32+6 k+1 nh 4 3i ci+1 7j+17 ' +
  '5+2r d+e 3+e 2+e 2+10 o+4g 1l+s e+17 5+8 8+1 f+5 4b+rb 6+f 4+c 4+37 d+2g 8+b 5 g+b 5+1j 9+9 7+13 9+t 3+1 27+9f d+d 3+4 4+4 4+6 a+s 4+a 6+5 ' +
  'b+9 7+7 9+6 a+42 2+1i gvue+6n'

/** First and last code points by turns, ascending. */
function decoded(text: string): readonly number[] {
  const edges: number[] = []
  let last = 0
  for (const range of text.split(' ')) {
    const [distance, more] = range.split('+')
    const first = last + Number.parseInt(distance!, 36)
    last = first + (more === undefined ? 0 : Number.parseInt(more, 36))
    edges.push(first, last)
  }
  return edges
}

const printable = decoded(PRINTABLE)
const silent = decoded(SILENT)

/** Whether a code point lies in one of the ranges: by bisection. */
function isIn(edges: readonly number[], codePoint: number): boolean {
  let [low, high] = [0, edges.length / 2]
  while (low < high) {
    const middle = (low + high) >> 1
    if (codePoint > edges[2 * middle + 1]!) low = middle + 1
    else high = middle
  }
  return 2 * low < edges.length && codePoint >= edges[2 * low]!
}

const every = (text: string, test: (codePoint: number) => boolean): boolean =>
  [...text].every((character) => test(character.codePointAt(0)!))

/** Whether each character can be shown, and was assigned in Unicode 14. */
export const isPrintable = (text: string): boolean => every(text, (codePoint) => isIn(printable, codePoint))

/** The text without marks, punctuation, symbols and spaces. */
export const withoutSilent = (text: string): string =>
  [...text].filter((character) => !isIn(silent, character.codePointAt(0)!)).join('')
