import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileChecksum;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.mapreduce.Counter;
import org.apache.hadoop.mapreduce.CounterGroup;
import org.apache.hadoop.mapreduce.Job;
import org.apache.hadoop.tools.DistCp;
import org.apache.hadoop.tools.OptionsParser;
import org.apache.hadoop.util.StringUtils;

/**
 * Asks Hadoop's own code, for a test that asks often: the start of a JVM costs
 * more than the answer. A line of standard input is a question, words in base64
 * parted by blanks; one line of standard output is the answer, behind a mark,
 * because Hadoop logs on the same stream.
 *
 *   distcp ARGUMENT...   what DistCp does with them: its counters, "name=value"
 *   checksum URI PATH... FileSystem.getFileChecksum of each: algorithm, blank, sum
 */
public class AskHadoop {
  private static final String ANSWER = "answer ";
  private static final String FAILURE = "failure ";

  public static void main(String[] none) throws Exception {
    PrintStream out = new PrintStream(System.out, true, "US-ASCII");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      List<String> words = new ArrayList<>();
      for (String word : line.split(" ")) {
        words.add(new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8));
      }
      try {
        out.println(ANSWER + encoded(ask(words.get(0), words.subList(1, words.size()))));
      } catch (Throwable thrown) {
        StringWriter trace = new StringWriter();
        thrown.printStackTrace(new PrintWriter(trace, true));
        out.println(FAILURE + encoded(Arrays.asList(trace.toString())));
      }
    }
  }

  private static String encoded(List<String> words) {
    StringBuilder line = new StringBuilder();
    for (String word : words) {
      line.append(line.length() == 0 ? "" : " ");
      line.append(Base64.getEncoder().encodeToString(word.getBytes(StandardCharsets.UTF_8)));
    }
    return line.toString();
  }

  private static List<String> ask(String what, List<String> args) throws Exception {
    switch (what) {
      case "distcp":
        return distcp(args.toArray(new String[0]));
      case "checksum":
        return checksums(args.get(0), args.subList(1, args.size()));
      default:
        throw new IllegalArgumentException(what);
    }
  }

  /** As DistCp.main, but for the counters of its job and how soon its end is seen. */
  private static List<String> distcp(String[] args) throws Exception {
    Configuration conf = new Configuration();
    conf.setInt("mapreduce.client.progressmonitor.pollinterval", 20);
    conf.setInt("mapreduce.client.completion.pollinterval", 20);
    List<String> counters = new ArrayList<>();
    Job job = new DistCp(conf, OptionsParser.parse(args)).execute();
    if (job == null || job.getCounters() == null) {
      return counters;
    }
    for (CounterGroup group : job.getCounters()) {
      for (Counter counter : group) {
        counters.add(counter.getDisplayName() + "=" + counter.getValue());
      }
    }
    return counters;
  }

  private static List<String> checksums(String uri, List<String> paths) throws Exception {
    URI at = URI.create(uri);
    FileSystem fs = FileSystem.get(at, new Configuration());
    List<String> sums = new ArrayList<>();
    for (String path : paths) {
      FileChecksum sum = fs.getFileChecksum(new Path(at.getScheme(), at.getAuthority(), path));
      sums.add(sum.getAlgorithmName() + " " + StringUtils.byteToHexString(sum.getBytes(), 0, sum.getLength()));
    }
    return sums;
  }
}
