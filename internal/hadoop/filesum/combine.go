package filesum

// castagnoli is CRC32C's polynomial, reflected: the bit of x^0 is the highest.
const castagnoli = 0x82f63b78

// Combine returns the CRC32C of two pieces put together, from the CRC of each
// and the length of the second in bytes (org.apache.hadoop.util.CrcUtil.compose).
func Combine(first, second uint32, length int64) uint32 {
	return multiply(first, power(length)) ^ second
}

// multiply is the product of two polynomials modulo CRC32C's.
func multiply(a, b uint32) uint32 {
	var product uint32
	for ; b != 0; b <<= 1 {
		if b&(1<<31) != 0 {
			product ^= a
		}
		carry := a & 1
		a >>= 1
		if carry != 0 {
			a ^= castagnoli
		}
	}
	return product
}

// power is x to the number of bits in n bytes.
func power(n int64) uint32 {
	result := uint32(1 << 31)                       // x^0
	for square := uint32(1 << 23); n > 0; n >>= 1 { // x^8
		if n&1 != 0 {
			result = multiply(result, square)
		}
		square = multiply(square, square)
	}
	return result
}
