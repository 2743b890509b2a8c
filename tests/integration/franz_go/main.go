// A tour of a Kafka through franz-go: each line that it prints tells what it found.
//
//	go run . ADDRESS SUFFIX
//
// test_franz_go.py holds the lines against what Apache Kafka lets it find.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	limit      = 90 * time.Second
	plain      = 30 // records without compression, each in a request of its own
	compressed = 4  // records, one with each codec
)

type tour struct {
	ctx            context.Context
	address        string
	in, out, group string
	suffix         string
	client         *kgo.Client
	admin          *kadm.Client
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	suffix := os.Args[2]
	t := tour{
		ctx: ctx, address: os.Args[1], suffix: suffix,
		in: "go.in." + suffix, out: "go.out." + suffix, group: "go.group." + suffix,
	}
	t.client = t.connect()
	t.admin = kadm.NewClient(t.client)
	for _, step := range []func(){
		t.makeTopics, t.produce, t.moveInTransactions, t.abort, t.fence, t.readCommitted,
		t.shareAsTwo, t.look, t.change, t.remove,
	} {
		step()
	}
	t.client.Close()
}

func check(err error, what string) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}

func say(format string, values ...any) { fmt.Printf(format+"\n", values...) }

func (t *tour) connect(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(t.address))...)
	check(err, "connect")
	return client
}

func (t *tour) makeTopics() {
	hour := map[string]*string{"retention.ms": kadm.StringPtr("3600000")}
	made, err := t.admin.CreateTopics(t.ctx, 3, 1, hour, t.in, t.out)
	check(err, "create topics")
	check(made.Error(), "create topics")
	again, err := t.admin.CreateTopic(t.ctx, 3, 1, nil, t.in)
	say("made %d topics; one of them again: %v", len(made), codeOf(again.Err, err))
}

func (t *tour) produce() {
	for number := range plain {
		record := &kgo.Record{Topic: t.in, Key: fmt.Append(nil, number), Value: fmt.Append(nil, "v", number)}
		check(t.client.ProduceSync(t.ctx, record).FirstErr(), "produce")
	}
	text := []byte(strings.Repeat("compressed ", 50))
	codecs := []kgo.CompressionCodec{
		kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
	for _, codec := range codecs {
		client := t.connect(kgo.ProducerBatchCompression(codec))
		check(client.ProduceSync(t.ctx, &kgo.Record{Topic: t.in, Value: text}).FirstErr(), "compress")
		client.Close()
	}
	say("produced %d records", plain+len(codecs))
}

// What is read, what is written and where reading goes on are one transaction.
func (t *tour) moveInTransactions() {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(t.address), kgo.TransactionalID("go.mover."+t.suffix),
		kgo.ConsumerGroup(t.group), kgo.ConsumeTopics(t.in),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	check(err, "open a session")
	moved := 0
	for moved < plain+compressed {
		fetches := session.PollFetches(t.ctx)
		check(fetches.Err(), "poll")
		check(session.Begin(), "begin")
		count := 0
		fetches.EachRecord(func(record *kgo.Record) {
			count++
			copied := &kgo.Record{Topic: t.out, Key: record.Key, Value: record.Value}
			session.Produce(t.ctx, copied, func(_ *kgo.Record, err error) { check(err, "produce") })
		})
		committed, err := session.End(t.ctx, kgo.TryCommit)
		check(err, "end")
		if committed {
			moved += count
		}
	}
	session.Close()
	say("moved %d records in transactions", moved)
}

func (t *tour) abort() {
	client := t.connect(kgo.TransactionalID("go.aborter." + t.suffix))
	check(client.BeginTransaction(), "begin")
	check(client.ProduceSync(t.ctx, &kgo.Record{Topic: t.out, Value: []byte("aborted")}).FirstErr(), "produce")
	check(client.EndTransaction(t.ctx, kgo.TryAbort), "abort")
	client.Close()
	say("aborted a transaction")
}

func (t *tour) fence() {
	id := kgo.TransactionalID("go.fenced." + t.suffix)
	first := t.connect(id)
	check(first.BeginTransaction(), "begin")
	check(first.ProduceSync(t.ctx, &kgo.Record{Topic: t.out, Value: []byte("overtaken")}).FirstErr(), "produce")
	second := t.connect(id)
	check(second.BeginTransaction(), "begin")
	check(second.ProduceSync(t.ctx, &kgo.Record{Topic: t.out, Value: []byte("second")}).FirstErr(), "produce")
	fenced := first.ProduceSync(t.ctx, &kgo.Record{Topic: t.out, Value: []byte("fenced")}).FirstErr()
	check(second.EndTransaction(t.ctx, kgo.TryCommit), "commit")
	first.Close()
	second.Close()
	say("the first of two producers: %v", codeOf(fenced, nil))
}

func (t *tour) readCommitted() {
	reader := t.connect(
		kgo.ConsumeTopics(t.out), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	found := map[string]int{}
	for total := 0; total < plain+compressed+1; {
		fetches := reader.PollFetches(t.ctx)
		check(fetches.Err(), "poll")
		fetches.EachRecord(func(record *kgo.Record) { found[string(record.Value)]++; total++ })
	}
	reader.Close()
	say(
		"committed readers see %d values, aborted %d, overtaken %d, fenced %d, second %d",
		len(found), found["aborted"], found["overtaken"], found["fenced"], found["second"],
	)
}

// Two static members with cooperative rebalancing, of which the second comes later.
func (t *tour) shareAsTwo() {
	var members []*kgo.Client
	seen := map[string]bool{}
	see := func(record *kgo.Record) { seen[fmt.Sprint(record.Partition, record.Offset)] = true }
	for number := range 2 {
		members = append(members, t.connect(
			kgo.ConsumerGroup("go.two."+t.suffix), kgo.ConsumeTopics(t.in),
			kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.InstanceID(fmt.Sprint("member-", number)),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(200*time.Millisecond),
		))
	}
	shared := func() bool {
		described, err := t.admin.DescribeGroups(t.ctx, "go.two."+t.suffix)
		check(err, "describe the group")
		assigned := 0
		for _, member := range described["go.two."+t.suffix].Members {
			if one, ok := member.Assigned.AsConsumer(); ok && len(one.Topics) > 0 {
				assigned++
			}
		}
		return assigned == len(members) && described["go.two."+t.suffix].State == "Stable"
	}
	for len(seen) < plain+compressed || !shared() {
		check(t.ctx.Err(), "share as two")
		for _, member := range members {
			turn, end := context.WithTimeout(t.ctx, 200*time.Millisecond)
			member.PollFetches(turn).EachRecord(see)
			end()
			err := member.CommitUncommittedOffsets(t.ctx)
			if !errors.Is(err, kerr.RebalanceInProgress) && !errors.Is(err, kerr.IllegalGeneration) {
				check(err, "commit")
			}
		}
	}
	described, err := t.admin.DescribeGroups(t.ctx, "go.two."+t.suffix)
	check(err, "describe the group")
	group := described["go.two."+t.suffix]
	say("two members saw %d records; %s, %s, %d members", len(seen), group.State, group.Protocol, len(group.Members))
	for _, member := range members {
		member.Close()
	}
}

func (t *tour) look() {
	metadata, err := t.admin.Metadata(t.ctx)
	check(err, "metadata")
	say("%d broker, controller %v, topic known %v", len(metadata.Brokers), metadata.Controller >= 0, metadata.Topics.Has(t.in))

	lags, err := t.admin.Lag(t.ctx, t.group)
	check(err, "lag")
	lags.Each(func(lag kadm.DescribedGroupLag) { say("the mover's group: %s, lag %d", lag.State, lag.Lag.Total()) })

	ends, err := t.admin.ListEndOffsets(t.ctx, t.in)
	check(err, "end offsets")
	total := int64(0)
	ends.Each(func(end kadm.ListedOffset) { check(end.Err, "end offset"); total += end.Offset })
	newest, err := t.admin.ListMaxTimestampOffsets(t.ctx, t.in)
	check(err, "newest offsets")
	say("%d partitions end at %d in all; newest known of %d topic", len(ends[t.in]), total, len(newest))

	folders, err := t.admin.DescribeAllLogDirs(t.ctx, nil)
	check(err, "log folders")
	say("%d broker tells its folders", len(folders))

	described, err := t.admin.DescribeTransactions(t.ctx, "go.mover."+t.suffix)
	check(err, "describe a transaction")
	one := described["go.mover."+t.suffix]
	say("the mover's transaction: %s, %d topics", one.State, len(one.Topics))
	listed, err := t.admin.ListTransactions(t.ctx, nil, []string{"Ongoing"})
	check(err, "list transactions")
	open := 0
	listed.Each(func(each kadm.ListedTransaction) {
		if strings.HasSuffix(each.TxnID, t.suffix) {
			open++
		}
	})
	producers, err := t.admin.DescribeProducers(t.ctx, topicSet(t.out))
	check(err, "describe producers")
	say("%d transactions open; producers of %d topic", open, len(producers))
}

func (t *tour) change() {
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: kadm.StringPtr("200000")}}
	changed, err := t.admin.AlterTopicConfigs(t.ctx, set, t.in)
	check(err, "alter configs")
	found := map[string]string{}
	for found["max.message.bytes"] != "200000" { // a broker hears of it after the controller
		configs, err := t.admin.DescribeTopicConfigs(t.ctx, t.in)
		check(err, "describe configs")
		for _, config := range configs[0].Configs {
			found[config.Key] = config.MaybeValue()
		}
	}
	say("max.message.bytes is %s, retention.ms %s", found["max.message.bytes"], found["retention.ms"])
	wrong := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "no.such.name", Value: kadm.StringPtr("1")}}
	refused, err := t.admin.AlterTopicConfigs(t.ctx, wrong, t.in)
	say("a setting that is not there: %v", codeOf(refused[0].Err, err))
	check(changed[0].Err, "alter configs")

	grown, err := t.admin.UpdatePartitions(t.ctx, 4, t.in)
	check(err, "update partitions")
	fewer, err := t.admin.UpdatePartitions(t.ctx, 2, t.in)
	say("four partitions: %v; two: %v", codeOf(grown[t.in].Err, nil), codeOf(fewer[t.in].Err, err))

	first := make(kadm.Offsets)
	first.AddOffset(t.in, 0, 1, -1)
	deleted, err := t.admin.DeleteRecords(t.ctx, first)
	check(err, "delete records")
	check(deleted.Error(), "delete records")
	starts, err := t.admin.ListStartOffsets(t.ctx, t.in)
	check(err, "start offsets")
	start, _ := starts.Lookup(t.in, 0)
	say("the first partition begins at %d", start.Offset)
}

func (t *tour) remove() {
	groups, err := t.admin.DeleteGroups(t.ctx, t.group, "go.nobody."+t.suffix)
	check(err, "delete groups")
	say("groups: %v, %v", codeOf(groups[t.group].Err, nil), codeOf(groups["go.nobody."+t.suffix].Err, nil))
	topics, err := t.admin.DeleteTopics(t.ctx, t.in, t.out, "go.none."+t.suffix)
	check(err, "delete topics")
	var codes []string
	for _, each := range topics {
		codes = append(codes, codeOf(each.Err, nil))
	}
	sort.Strings(codes)
	say("topics: %s", strings.Join(codes, ", "))
}

func codeOf(errs ...error) string {
	for _, err := range errs {
		var known *kerr.Error
		if errors.As(err, &known) {
			return known.Message
		}
		if err != nil {
			return err.Error()
		}
	}
	return "fine"
}

func topicSet(topic string) kadm.TopicsSet {
	set := make(kadm.TopicsSet)
	set.Add(topic, 0)
	return set
}
