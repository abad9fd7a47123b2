// Opens pages in Chromium and logs what it sees of each, one line of JSON after
// the word LOOK. VISITS is a list of { url, width, scheme, picture }; pictures are
// of the page's top, or of all of it if WHOLE is true.
import { browser } from 'k6/browser';

export const options = {
  scenarios: { look: { executor: 'shared-iterations', options: { browser: { type: 'chromium' } } } },
};

export default async function () {
  for (const visit of JSON.parse(__ENV.VISITS)) {
    const context = await browser.newContext({ viewport: { width: visit.width, height: 900 }, colorScheme: visit.scheme });
    const page = await context.newPage();
    page.setDefaultTimeout(100000); // other tests may have the processor
    // A page that is listened to has to be closed, or k6 never ends.
    try {
      const messages = [];
      const requests = [];
      page.on('console', (message) => messages.push(`${message.type()}: ${message.text()}`));
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(visit.url);
      const seen = await page.evaluate(look);
      if (visit.picture) {
        await page.screenshot({ path: visit.picture, fullPage: __ENV.WHOLE === 'true' });
      }
      console.log('LOOK' + JSON.stringify({ ...seen, messages, requests }));
    } finally {
      await page.close();
      await context.close();
    }
  }
}

// look runs in the page.
function look() {
  // The layout is made now, if it is not yet: what it takes counts.
  document.documentElement.getBoundingClientRect();
  const [opening] = performance.getEntriesByType('navigation');
  const drawn = performance.now();
  // Colors as [red, green, blue, alpha].
  const color = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const luminance = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  // WCAG 2.2, 1.4.3.
  const contrast = (a, b) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = color(getComputedStyle(e).backgroundColor);
      if (c[3] === 1) {
        return c;
      }
    }
    return [255, 255, 255, 1];
  };
  const visible = (element) => element.getClientRects().length > 0;
  document.querySelectorAll('details').forEach((d) => { d.open = true; });

  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    // All rows of a table look alike.
    const seen = element.closest('details tr:nth-child(n+9)');
    if (!seen && walker.currentNode.textContent.trim() && visible(element)) {
      const style = getComputedStyle(element);
      const svg = element.closest('svg');
      const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
      texts.push({
        text: walker.currentNode.textContent.trim().slice(0, 40),
        size: parseFloat(style.fontSize) * scale,
        contrast: contrast(color(svg ? style.fill : style.color), behind(element)),
      });
    }
  }

  // The points of a series as [x, y], from its lines and from its lonely dots.
  const points = (svg, i) => {
    const found = [];
    svg.querySelectorAll(`.line.s${i}`).forEach((path) => {
      for (const [, x, y] of path.getAttribute('d').matchAll(/[ML] (-?\d+) (-?\d+)/g)) {
        found.push([Number(x), Number(y)]);
      }
    });
    svg.querySelectorAll(`.dot.s${i}`).forEach((dot) => {
      const at = [Number(dot.getAttribute('cx')), Number(dot.getAttribute('cy'))];
      if (!found.some((p) => p[0] === at[0] && p[1] === at[1])) {
        found.push(at);
      }
    });
    svg.querySelectorAll(`.bar.s${i}`).forEach((bar) => {
      const ys = [...bar.getAttribute('d').matchAll(/[ML] (-?\d+) (-?\d+)/g)].map((m) => Number(m[2]));
      found.push([0, ys[1]]); // from the axis up to the value
    });
    return found.sort((a, b) => a[0] - b[0]);
  };
  const charts = [...document.querySelectorAll('figure')].map((figure) => {
    const svg = [...figure.querySelectorAll('svg.chart')].find(visible);
    const heads = [...figure.querySelectorAll('thead th')].map((th) => th.textContent);
    const rows = [...figure.querySelectorAll('tbody tr')].map((tr) => [...tr.children].map((td) => td.textContent));
    const columns = heads.map((head, i) => ({ head, values: rows.map((row) => row[i]) }))
      .slice(1).filter(({ head }) => !/, (low|high)$/.test(head));
    return {
      title: figure.querySelector('figcaption').firstChild.textContent.trim(),
      absent: figure.classList.contains('absent') ? figure.querySelector('p').textContent : '',
      pictures: figure.querySelectorAll('svg.chart').length,
      shown: [...figure.querySelectorAll('svg.chart')].filter(visible).length,
      role: svg ? svg.getAttribute('role') : '',
      label: svg ? svg.getAttribute('aria-label') : '',
      whiskers: svg ? svg.querySelectorAll('.whisker').length : 0,
      bands: svg ? svg.querySelectorAll('.band').length : 0,
      marks: svg ? svg.querySelectorAll('.mark').length : 0,
      limits: svg ? svg.querySelectorAll('.limit').length : 0,
      series: svg ? columns.map(({ head, values }, i) => ({
        name: head,
        values: values.filter((v) => v !== '–').map(Number),
        points: points(svg, i),
        contrast: Math.min(...[...svg.querySelectorAll(`.line.s${i}, .bar.s${i}, .dot.s${i}`)].map((e) => {
          const style = getComputedStyle(e);
          return contrast(color(e.classList.contains('dot') ? style.fill : style.stroke), behind(svg));
        })),
      })) : [],
    };
  });
  const width = document.documentElement.scrollWidth;
  document.querySelectorAll('details').forEach((d) => { d.open = false; });
  return {
    width: Math.max(width, document.documentElement.scrollWidth),
    height: document.documentElement.scrollHeight,
    opened: drawn - opening.responseStart,
    header: document.querySelector('header').textContent,
    scripts: document.querySelectorAll('script, iframe, object, embed, img, [onload], [onerror], [onclick], a').length,
    ran: window.ran === true,
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    smallest: texts.reduce((a, b) => (b.size < a.size ? b : a)),
    palest: texts.reduce((a, b) => (b.contrast < a.contrast ? b : a)),
    charts,
  };
}
