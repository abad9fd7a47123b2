package verdict

import (
	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// diagnose names the troubles of a run, most likely first.
func diagnose(in Input) []diagnosis.Diagnosis {
	if len(in.Timeline.Phases) > 0 {
		// The steps of an experiment look for trouble on purpose, and its result
		// says which of them found it.
		return nil
	}
	found := diagnosis.Of(in.facts())
	for i := range found {
		found[i].Evidence = text.Lines(found[i].Evidence)
	}
	return found
}

// facts are what was seen of the application, and what the metrics, the recording
// and the configuration say.
func (in Input) facts() diagnosis.Facts {
	facts := diagnosis.Facts{
		Watched: in.Application.Watched, Requests: in.Application.Responses.Requests(), Limits: in.Limits,
	}
	if in.Recording != nil {
		facts.Merged(*in.Recording)
	} else {
		facts.Recorded(in.Timeline)
	}
	values := func(metric string) map[string]float64 { return in.Metrics[metric].Values }
	facts.Requests.HTTP = in.Run.Target != ""
	facts.Requests.Failed = values("request_success")["fails"]
	facts.Requests.Count = values("request_success")["passes"] + facts.Requests.Failed
	facts.Requests.Timeouts = values("request_timeouts")["count"]
	facts.Requests.Iterations = values("iterations")["count"]
	facts.Requests.Dropped = values("dropped_iterations")["count"]
	facts.Requests.Users = values("vus_max")["max"]
	for i := range facts.Pools {
		p := &facts.Pools[i]
		p.PrePing = in.Run.Configuration.prePing(p.Name)
		if size, overflow, known := in.Run.Configuration.Sizes(p.Name); known {
			p.Size, p.Capacity = size, size+overflow
		}
	}
	return facts
}
