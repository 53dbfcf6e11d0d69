import java.io.IOException;
import java.util.List;
import org.apache.hadoop.mapreduce.InputSplit;
import org.apache.hadoop.mapreduce.JobContext;
import org.apache.hadoop.tools.mapred.UniformSizeInputFormat;

/** Splits distcp's list for two maps: LocalClientProtocolProvider sets mapreduce.job.maps to 1 whatever -m says. */
public class DroverTwoMaps extends UniformSizeInputFormat {
  @Override
  public List<InputSplit> getSplits(JobContext context) throws IOException, InterruptedException {
    context.getConfiguration().setInt("mapreduce.job.maps", 2);
    return super.getSplits(context);
  }
}
