import http from 'k6/http';
import pgxpool from 'k6/x/pgxpool';
export const options={vus:1,iterations:1};
export default function(){
  const seen=[];
  const r = pgxpool.retry(()=>http.get('http://127.0.0.1:38123/'),{retries:2,backoff:1,onRetry:(x)=>seen.push(x)});
  console.log(r.status, typeof r.timings, JSON.stringify(seen), typeof r.status);
}
