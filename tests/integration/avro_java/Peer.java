// Apache Avro for Java, asked line by line: each line of input is a question, each of output its answer.
//
//   fingerprint <schema>               -> fingerprint in wire order, canonical form
//   read <writer> <reader> <payload>   -> what was read, as text; the same written again, twice
//   check <reader> <writer>            -> COMPATIBLE or INCOMPATIBLE
//
// Parts are separated by tabs. Payloads are single objects in hexadecimal. A value is shown by its
// Java type, after the conversions of logical types: an instant as seconds and nanoseconds, a decimal
// with all of its digits, text and bytes in hexadecimal. What goes wrong is told as "error".

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;

public final class Peer {
  private static final HexFormat HEX = HexFormat.of();
  private static final GenericData MODEL = new GenericData();

  static {
    MODEL.addLogicalTypeConversion(new Conversions.DecimalConversion());
    MODEL.addLogicalTypeConversion(new Conversions.UUIDConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.DateConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.TimeMillisConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.TimeMicrosConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.LocalTimestampMillisConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.LocalTimestampMicrosConversion());
  }

  public static void main(String[] arguments) throws Exception {
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var output = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] parts = line.split("\t", -1);
      String answer;
      try {
        answer = switch (parts[0]) {
          case "fingerprint" -> fingerprint(schema(parts[1]));
          case "read" -> read(schema(parts[1]), schema(parts[2]), HEX.parseHex(parts[3]));
          case "check" -> check(schema(parts[1]), schema(parts[2]));
          default -> "error\tno such question";
        };
      } catch (Exception error) {
        answer = "error\t" + error.toString().replaceAll("\\s+", " ");
      }
      output.print(answer + "\n");
      output.flush();
    }
  }

  private static Schema schema(String text) {
    return new Schema.Parser().parse(text);
  }

  private static String fingerprint(Schema schema) throws Exception {
    byte[] found = SchemaNormalization.parsingFingerprint("CRC-64-AVRO", schema);
    return HEX.formatHex(found) + "\t" + SchemaNormalization.toParsingForm(schema);
  }

  private static String check(Schema reader, Schema writer) {
    return SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getType().name();
  }

  private static String read(Schema writer, Schema reader, byte[] payload) throws Exception {
    var decoder = new BinaryMessageDecoder<Object>(MODEL, reader);
    decoder.addSchema(writer);
    Object value = decoder.decode(payload);
    ByteBuffer single = new BinaryMessageEncoder<Object>(MODEL, reader).encode(value);
    return shown(value) + "\t" + hex(single) + "\t" + HEX.formatHex(inBlocks(reader, value));
  }

  /** The body of a record whose arrays and maps say how many bytes their blocks have. */
  private static byte[] inBlocks(Schema schema, Object value) throws Exception {
    var out = new ByteArrayOutputStream();
    BinaryEncoder encoder = new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(out, null);
    new GenericDatumWriter<Object>(schema, MODEL).write(value, encoder);
    encoder.flush();
    return out.toByteArray();
  }

  private static String hex(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return HEX.formatHex(bytes);
  }

  private static String hex(String text) {
    return HEX.formatHex(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String shown(Object value) {
    if (value instanceof GenericData.Record record) {
      return record.getSchema().getFields().stream()
          .map(field -> field.name() + "=" + shown(record.get(field.pos())))
          .collect(Collectors.joining(",", "(", ")"));
    }
    if (value instanceof Map<?, ?> map) {
      var sorted = new TreeMap<String, String>();
      map.forEach((key, each) -> sorted.put(hex(key.toString()), shown(each)));
      return sorted.entrySet().stream()
          .map(each -> each.getKey() + "=" + each.getValue())
          .collect(Collectors.joining(",", "{", "}"));
    }
    if (value instanceof GenericData.Fixed fixed) {
      return "bytes:" + HEX.formatHex(fixed.bytes());
    }
    if (value instanceof GenericData.EnumSymbol symbol) {
      return "symbol:" + symbol;
    }
    if (value instanceof Collection<?> list) {
      return list.stream().map(Peer::shown).collect(Collectors.joining(",", "[", "]"));
    }
    if (value instanceof ByteBuffer buffer) {
      return "bytes:" + hex(buffer);
    }
    if (value instanceof CharSequence text) {
      return "text:" + hex(text.toString());
    }
    if (value instanceof Integer || value instanceof Long) {
      return "number:" + value;
    }
    if (value instanceof Float number) {
      return "float:" + HEX.toHexDigits(Float.floatToRawIntBits(number));
    }
    if (value instanceof Double number) {
      return "double:" + HEX.toHexDigits(Double.doubleToRawLongBits(number));
    }
    if (value instanceof BigDecimal number) {
      return "decimal:" + number.toPlainString();
    }
    if (value instanceof Instant moment) {
      return "instant:" + moment.getEpochSecond() + "+" + moment.getNano();
    }
    if (value instanceof LocalDateTime moment) {
      return "local:" + moment.toLocalDate() + "+" + moment.toLocalTime().toNanoOfDay();
    }
    if (value instanceof LocalTime moment) {
      return "time:" + moment.toNanoOfDay();
    }
    if (value instanceof LocalDate || value instanceof UUID || value instanceof Boolean || value == null) {
      return String.valueOf(value);
    }
    return "unknown:" + value.getClass().getName();
  }
}
