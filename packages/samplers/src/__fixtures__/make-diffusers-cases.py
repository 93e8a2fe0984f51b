"""Writes diffusers-cases.json, short runs of diffusers' schedulers through their fields, and diffusers-fields.json,
the fields that each class has.

pip install diffusers==0.42.1 torch scipy torchsde; python make-diffusers-cases.py; npx biome format --write .
"""

import inspect
import json
import pathlib

import diffusers
import numpy
import torch
from diffusers.schedulers import scheduling_dpmsolver_sde
from diffusers.schedulers.scheduling_utils import AysSchedules

SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
CASES = [
    ("PNDMScheduler", 10, dict(SD)),
    ("PNDMScheduler", 4, dict(SD, prediction_type="v_prediction", set_alpha_to_one=True)),
    ("PNDMScheduler", 6, dict(SD, skip_prk_steps=True, timestep_spacing="trailing", set_alpha_to_one=True)),
    ("PNDMScheduler", 1, dict(SD, skip_prk_steps=True, steps_offset=1)),
    ("PNDMScheduler", 7, dict(beta_schedule="squaredcos_cap_v2", skip_prk_steps=True)),
    ("PNDMScheduler", 7, dict(SD, skip_prk_steps=True, timestep_spacing="linspace")),
    ("DDIMScheduler", 6, dict(thresholding=True, sample_max_value=1.5, dynamic_thresholding_ratio=0.8)),
    ("DDIMScheduler", 3, dict(trained_betas=[0.01 * (i + 1) for i in range(20)], num_train_timesteps=20)),
    ("DDPMScheduler", 6, dict(variance_type="fixed_large")),
    ("DDPMScheduler", 6, dict(variance_type="learned_range", clip_sample=False, timestep_spacing="trailing")),
    ("DDPMScheduler", 5, dict(beta_schedule="sigmoid", clip_sample_range=2.0, timestep_spacing="linspace")),
    ("DDPMScheduler", 5, dict(beta_schedule="laplace", prediction_type="sample", clip_sample=False)),
    ("DPMSolverMultistepScheduler", 16, dict(SD, solver_type="heun", timestep_spacing="leading", steps_offset=1)),
    ("DPMSolverMultistepScheduler", 16, dict(SD, solver_order=3, final_sigmas_type="sigma_min")),
    ("DPMSolverMultistepScheduler", 6, dict(SD, use_exponential_sigmas=True, lower_order_final=False)),
    ("DPMSolverMultistepScheduler", 6, dict(SD, use_karras_sigmas=True, final_sigmas_type="sigma_min", euler_at_final=True)),
    ("DPMSolverMultistepScheduler", 16, dict(SD, use_karras_sigmas=True, final_sigmas_type="sigma_min")),
    ("DPMSolverMultistepScheduler", 5, dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1)),
    ("DPMSolverMultistepScheduler", 5, dict(beta_schedule="squaredcos_cap_v2", use_karras_sigmas=True)),
    ("DPMSolverMultistepScheduler", 5, dict(SD, rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")),
    ("DPMSolverMultistepScheduler", 6, dict(SD, prediction_type="sample", thresholding=True, sample_max_value=3.0)),
    ("DPMSolverMultistepScheduler", 6, dict(SD, algorithm_type="sde-dpmsolver++", solver_type="heun")),
    ("DPMSolverMultistepScheduler", 1, dict(SD)),
    ("EulerDiscreteScheduler", 6, dict(SD, use_exponential_sigmas=True, sigma_min=0.1, sigma_max=12.0)),
    ("EulerDiscreteScheduler", 6, dict(SD, final_sigmas_type="sigma_min", prediction_type="sample")),
    ("EulerDiscreteScheduler", 5, dict(SD, rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")),
    ("EulerAncestralDiscreteScheduler", 6, dict(SD, prediction_type="v_prediction")),
]
UNIPC, DEIS = "UniPCMultistepScheduler", "DEISMultistepScheduler"
HEUN, LMS = "HeunDiscreteScheduler", "LMSDiscreteScheduler"
KDPM2, KDPM2A = "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"
SINGLE, MULTI, SDE = "DPMSolverSinglestepScheduler", "DPMSolverMultistepScheduler", "DPMSolverSDEScheduler"
LCM, TCD = "LCMScheduler", "TCDScheduler"
FLOW, FLOWHEUN = "FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"
EDM, EDMDPM, CM = "EDMEulerScheduler", "EDMDPMSolverMultistepScheduler", "CMStochasticIterativeScheduler"
EULER, EULERA, DDIM, DDPM = "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "DDIMScheduler", "DDPMScheduler"
FLOWING = dict(use_flow_sigmas=True, prediction_type="flow_prediction")
ZERO = dict(SD, beta_start=0.0)


def even(steps):
    """What the pipelines of Flux pass for sigmas."""
    return [1 - i / steps for i in range(steps)]


# Appended to, never reordered: the seed of a case is its place.
CASES += [
    (UNIPC, 15, dict(SD)),
    (UNIPC, 8, dict(SD, solver_order=1, timestep_spacing="trailing")),
    (UNIPC, 8, dict(SD, solver_order=3, solver_type="bh1", final_sigmas_type="sigma_min")),
    (UNIPC, 9, dict(SD, solver_order=4, use_karras_sigmas=True, lower_order_final=True)),
    (UNIPC, 8, dict(SD, predict_x0=False, final_sigmas_type="sigma_min", prediction_type="v_prediction")),
    (UNIPC, 8, dict(SD, solver_order=3, predict_x0=False, solver_type="bh1", final_sigmas_type="sigma_min")),
    (UNIPC, 8, dict(SD, disable_corrector=[0, 3], use_exponential_sigmas=True)),
    (UNIPC, 8, dict(SD, use_beta_sigmas=True)),
    (UNIPC, 6, dict(SD, thresholding=True, sample_max_value=2.0, prediction_type="sample", timestep_spacing="leading", steps_offset=1)),
    (UNIPC, 6, dict(SD, rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")),
    (UNIPC, 8, dict(FLOWING, flow_shift=3.0)),
    (UNIPC, 8, dict(FLOWING, use_dynamic_shifting=True, shift_terminal=0.1), dict(mu=0.9)),
    (UNIPC, 8, dict(FLOWING, use_karras_sigmas=True)),
    (UNIPC, 6, dict(FLOWING, flow_shift=2.0), dict(sigmas=even(6))),
    (UNIPC, 12, dict(SD, sigma_min=0.1, sigma_max=10.0, use_karras_sigmas=True)),
    (DEIS, 15, dict(SD)),
    (DEIS, 8, dict(SD, solver_order=3)),
    (DEIS, 16, dict(SD, solver_order=3, timestep_spacing="leading", steps_offset=1, prediction_type="v_prediction")),
    (DEIS, 6, dict(SD, solver_order=1, use_karras_sigmas=True, prediction_type="sample")),
    (DEIS, 6, dict(SD, use_exponential_sigmas=True, thresholding=True, sample_max_value=2.0)),
    (DEIS, 6, dict(SD, use_beta_sigmas=True, timestep_spacing="trailing")),
    (DEIS, 8, dict(FLOWING, flow_shift=3.0)),
    (HEUN, 8, dict(SD)),
    (HEUN, 6, dict(prediction_type="v_prediction", timestep_spacing="trailing")),
    (HEUN, 6, dict(SD, prediction_type="sample", use_karras_sigmas=True)),
    (HEUN, 6, dict(SD, clip_sample=True, clip_sample_range=2.0, timestep_spacing="leading", steps_offset=1)),
    (HEUN, 5, dict(SD, use_exponential_sigmas=True)),
    (HEUN, 5, dict(SD, use_beta_sigmas=True)),
    (HEUN, 5, dict(beta_schedule="exp")),
    (HEUN, 4, dict(SD), dict(timesteps=[999, 700, 311, 20])),
    (HEUN, 1, dict(SD)),
    (LMS, 10, dict(SD)),
    (LMS, 6, dict(SD, prediction_type="v_prediction", timestep_spacing="trailing")),
    (LMS, 6, dict(SD, prediction_type="sample", use_karras_sigmas=True)),
    (LMS, 6, dict(SD, use_exponential_sigmas=True, timestep_spacing="leading", steps_offset=1)),
    (LMS, 6, dict(SD, use_beta_sigmas=True)),
    (KDPM2, 8, dict(SD)),
    (KDPM2, 6, dict(SD, prediction_type="v_prediction", use_karras_sigmas=True)),
    (KDPM2, 6, dict(SD, use_exponential_sigmas=True, timestep_spacing="trailing")),
    (KDPM2, 6, dict(use_beta_sigmas=True, timestep_spacing="leading", steps_offset=1)),
    (KDPM2A, 8, dict(SD)),
    (KDPM2A, 6, dict(SD, prediction_type="v_prediction", use_karras_sigmas=True)),
    (KDPM2A, 6, dict(SD, use_exponential_sigmas=True, timestep_spacing="trailing")),
    (KDPM2A, 6, dict(use_beta_sigmas=True, timestep_spacing="leading", steps_offset=1)),
    (KDPM2A, 1, dict(SD)),
    (SINGLE, 10, dict(SD)),
    (SINGLE, 9, dict(SD, solver_order=3, lower_order_final=True, final_sigmas_type="sigma_min")),
    (SINGLE, 9, dict(SD, solver_order=3, solver_type="heun")),
    (SINGLE, 10, dict(SD, solver_order=3, lower_order_final=True, solver_type="heun")),
    (SINGLE, 11, dict(SD, solver_order=3, use_karras_sigmas=True)),
    (SINGLE, 8, dict(SD, solver_type="heun", final_sigmas_type="sigma_min", prediction_type="v_prediction")),
    (SINGLE, 7, dict(SD, prediction_type="sample", use_exponential_sigmas=True)),
    (SINGLE, 6, dict(SD, solver_order=1, use_beta_sigmas=True)),
    (SINGLE, 6, dict(SD, thresholding=True, sample_max_value=3.0)),
    (SINGLE, 6, dict(SD, algorithm_type="sde-dpmsolver++")),
    (SINGLE, 6, dict(SD, algorithm_type="sde-dpmsolver++", solver_type="heun")),
    (SINGLE, 6, dict(SD, algorithm_type="sde-dpmsolver++", solver_order=3)),
    (SINGLE, 5, dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1)),
    (SINGLE, 6, dict(FLOWING, flow_shift=3.0)),
    (SINGLE, 4, dict(SD), dict(timesteps=[999, 700, 311, 20])),
    (SDE, 6, dict(SD)),
    (SDE, 6, dict(SD, prediction_type="v_prediction", use_karras_sigmas=True)),
    (SDE, 5, dict(SD, use_exponential_sigmas=True, timestep_spacing="trailing")),
    (SDE, 5, dict(use_beta_sigmas=True, timestep_spacing="leading", steps_offset=1)),
    (SDE, 1, dict(SD)),
    (LCM, 4, dict()),
    (LCM, 6, dict(clip_sample=True, prediction_type="v_prediction", original_inference_steps=100)),
    (LCM, 3, dict(thresholding=True, sample_max_value=2.0, prediction_type="sample", timestep_scaling=5.0)),
    (LCM, 4, dict(prediction_type="v_prediction", rescale_betas_zero_snr=True)),
    (LCM, 3, dict(), dict(timesteps=[999, 499, 99])),
    (LCM, 1, dict()),
    (TCD, 4, dict()),
    (TCD, 4, dict(), dict(eta=0.0)),
    (TCD, 6, dict(prediction_type="v_prediction", set_alpha_to_one=False), dict(eta=1.0)),
    (TCD, 4, dict(prediction_type="sample", original_inference_steps=40), dict(eta=0.5)),
    (TCD, 3, dict(), dict(timesteps=[999, 499, 99])),
    (FLOW, 10, dict()),
    (FLOW, 10, dict(shift=3.0)),
    (FLOW, 8, dict(use_dynamic_shifting=True), dict(mu=1.15, sigmas=even(8))),
    (FLOW, 8, dict(use_dynamic_shifting=True, time_shift_type="linear"), dict(mu=1.15)),
    (FLOW, 8, dict(use_dynamic_shifting=True, shift_terminal=0.1), dict(mu=0.6)),
    (FLOW, 6, dict(shift=3.0, use_karras_sigmas=True)),
    (FLOW, 6, dict(shift=3.0, use_exponential_sigmas=True)),
    (FLOW, 6, dict(shift=3.0, use_beta_sigmas=True)),
    (FLOW, 6, dict(shift=3.0, invert_sigmas=True)),
    (FLOW, 4, dict(shift=3.0, stochastic_sampling=True)),
    (FLOW, 4, dict(shift=1.0), dict(sigmas=even(4))),
    (FLOW, 3, dict(shift=3.0), dict(timesteps=[1000.0, 750.0, 250.0])),
    (FLOWHEUN, 6, dict()),
    (FLOWHEUN, 8, dict(shift=3.0)),
    (FLOWHEUN, 1, dict(shift=3.0)),
    (EDM, 8, dict()),
    (EDM, 8, dict(sigma_schedule="exponential", prediction_type="v_prediction", final_sigmas_type="sigma_min")),
    (EDM, 6, dict(sigma_min=0.01, sigma_max=40.0, sigma_data=1.0, rho=5.0)),
    (EDMDPM, 8, dict()),
    (EDMDPM, 16, dict(solver_order=3, prediction_type="v_prediction")),
    (EDMDPM, 8, dict(sigma_schedule="exponential", solver_type="heun", final_sigmas_type="sigma_min", euler_at_final=True)),
    (EDMDPM, 6, dict(algorithm_type="sde-dpmsolver++", rho=5.0)),
    (EDMDPM, 6, dict(thresholding=True, sample_max_value=2.0, sigma_data=1.0, lower_order_final=False)),
    (CM, 1, dict()),
    (CM, 2, dict(clip_denoised=False)),
    (CM, 5, dict(num_train_timesteps=151, s_noise=0.9, rho=6.0, sigma_data=0.6, sigma_max=60.0)),
    (CM, 2, dict(clip_denoised=False), dict(timesteps=[22, 0])),
    (MULTI, 8, dict(SD, use_beta_sigmas=True)),
    (MULTI, 8, dict(SD, use_lu_lambdas=True)),
    (MULTI, 8, dict(FLOWING, flow_shift=3.0)),
    (MULTI, 16, dict(FLOWING, solver_order=3, use_dynamic_shifting=True), dict(mu=0.9)),
    (MULTI, 4, dict(SD), dict(timesteps=[999, 700, 311, 20])),
    (EULER, 8, dict(SD, use_beta_sigmas=True)),
    (EULER, 8, dict(SD, interpolation_type="log_linear")),
    (EULER, 8, dict(SD, timestep_type="continuous", prediction_type="v_prediction", use_karras_sigmas=True, sigma_min=0.002, sigma_max=700.0)),
    (EULER, 4, dict(SD), dict(timesteps=[999, 700, 311, 20])),
    (EULER, 3, dict(SD), dict(sigmas=[12.0, 3.0, 0.5, 0.0])),
    (EULER, 10, dict(SD), dict(timesteps=AysSchedules["StableDiffusionTimesteps"], schedule="align-your-steps-sd15")),
    (MULTI, 10, dict(SD), dict(timesteps=AysSchedules["StableDiffusionXLTimesteps"], schedule="align-your-steps-sdxl")),
    (DDPM, 4, dict(clip_sample=False), dict(timesteps=[999, 700, 311, 20])),
    (DDIM, 6, dict(SD, clip_sample=False), dict(eta=0.7)),
    (DDIM, 6, dict(SD, clip_sample=True, timestep_spacing="trailing"), dict(eta=1.0)),
    (DDIM, 6, dict(ZERO, clip_sample=False)),
    ("PNDMScheduler", 6, dict(ZERO, skip_prk_steps=True)),
    (MULTI, 6, dict(ZERO)),
    (MULTI, 6, dict(ZERO, final_sigmas_type="sigma_min")),
    (UNIPC, 6, dict(ZERO)),
    (EULER, 6, dict(ZERO, timestep_spacing="trailing")),
]
# From the middle of a run on, as image to image does. LMS is left out: there diffusers integrates a cubic through
# slopes that it does not have yet.
CASES += [
    ("PNDMScheduler", 10, dict(SD, skip_prk_steps=True, steps_offset=1), dict(strength=0.9)),
    ("PNDMScheduler", 10, dict(SD, skip_prk_steps=True), dict(strength=0.6)),
    (DDIM, 8, dict(SD, clip_sample=False), dict(strength=0.55)),
    (DDPM, 8, dict(), dict(strength=0.5)),
    (MULTI, 10, dict(SD), dict(strength=0.6)),
    (MULTI, 20, dict(SD, solver_order=3, use_karras_sigmas=True), dict(strength=0.4)),
    (EULER, 8, dict(SD, timestep_spacing="leading", steps_offset=1), dict(strength=0.5)),
    (EULERA, 8, dict(SD), dict(strength=0.5)),
    (UNIPC, 10, dict(SD, solver_order=3), dict(strength=0.6)),
    (UNIPC, 8, dict(FLOWING, flow_shift=3.0), dict(strength=0.5)),
    (DEIS, 10, dict(SD, solver_order=3), dict(strength=0.6)),
    (HEUN, 8, dict(SD), dict(strength=0.5)),
    (KDPM2, 8, dict(SD), dict(strength=0.5)),
    (KDPM2A, 8, dict(SD), dict(strength=0.5)),
    (SINGLE, 10, dict(SD), dict(strength=0.5)),
    (SINGLE, 10, dict(SD, solver_order=3, lower_order_final=True), dict(strength=0.8)),
    (SDE, 6, dict(SD), dict(strength=0.5)),
    (LCM, 4, dict(), dict(strength=0.5)),
    (TCD, 4, dict(), dict(strength=0.5)),
    (FLOW, 8, dict(shift=3.0), dict(strength=0.5)),
]
CASES += [
    ("IPNDMScheduler", 8, dict()),
    ("IPNDMScheduler", 3, dict()),
    ("IPNDMScheduler", 1, dict()),
    ("IPNDMScheduler", 5, dict(trained_betas=[0.99, 0.9, 0.7, 0.5, 0.2, 0.0])),
]
SHAPE = (2, 1, 1, 3)


def denoise(x, t, variance):
    prediction = 0.35 * x + 0.2 * torch.sin(torch.tensor(0.013 * float(t))) - 0.005 * x * x * torch.sign(x)
    return torch.cat([prediction, torch.sin(3 * x)], dim=1) if variance else prediction


def rounded(values):
    return [float(f"{value:.7g}") for value in torch.as_tensor(values).flatten().tolist()]


class BrownianPath:
    """Noise of the path's increments, made of unit normals: one up to the middle of a step, one from there to its end."""

    draw = None

    def __init__(self, sample, *_):
        self.shape = sample.shape
        self.from_, self.middle, self.first = None, None, None

    def __call__(self, sigma, sigma_next):
        normal = BrownianPath.draw(self.shape)
        if self.middle is None:
            self.from_, self.middle, self.first = sigma, sigma_next, normal
            return normal
        first, second = (self.from_ - self.middle).sqrt() * self.first, (self.middle - sigma_next).sqrt() * normal
        self.middle = None
        return (first + second) / (sigma - sigma_next).sqrt()


def run(name, steps, config, seed, options={}):
    scheduler = getattr(diffusers, name)(**config)
    layout = {key: options[key] for key in ("timesteps", "sigmas", "mu") if key in options}
    if "sigmas" in layout and name == FLOW or not {"timesteps", "sigmas"} & layout.keys():
        scheduler.set_timesteps(steps, **layout)
    elif name == UNIPC:
        scheduler.set_timesteps(sigmas=numpy.array(layout["sigmas"]))
    else:
        scheduler.set_timesteps(**layout)
    skipped = steps - min(int(steps * options["strength"]), steps) if "strength" in options else 0
    first = skipped * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)  # else it skips a call where the first timestep comes twice
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(SHAPE, generator=generator)
    drawn = []

    def draw(shape, *args, **kwargs):
        drawn.append(torch.randn(shape, generator=generator))
        return drawn[-1]

    module = __import__(type(scheduler).__module__, fromlist=["x"])
    if hasattr(module, "randn_tensor"):
        module.randn_tensor = draw
    BrownianPath.draw = draw
    init = float(getattr(scheduler, "init_noise_sigma", 1.0))
    sample = noise * init
    trajectory, picture = [], {}
    if "strength" in options:
        clean = torch.randn(SHAPE, generator=generator)
        begin = scheduler.timesteps[first : first + 1]
        sample = scheduler.scale_noise(clean, begin, noise) if name == FLOW else scheduler.add_noise(clean, noise, begin)
        picture = {"firstCall": first, "picture": rounded(clean), "renoised": rounded(sample)}
    step_options = {key: options[key] for key in ("eta",) if key in options}
    for t in scheduler.timesteps[first:]:
        x = scheduler.scale_model_input(sample, t) if hasattr(scheduler, "scale_model_input") else sample
        output = denoise(x, t, config.get("variance_type") == "learned_range")
        sample = scheduler.step(output, t, sample, **step_options).prev_sample
        trajectory.append(rounded(sample))
    return {
        "scheduler": name,
        "config": {"_class_name": name, **config},
        "steps": steps,
        **({"options": options} if options else {}),
        "timesteps": rounded(scheduler.timesteps.double()),
        **({"initNoiseSigma": rounded(torch.tensor(init))[0]} if init != 1 else {}),
        "noise": rounded(noise),
        **picture,
        "stepNoise": [rounded(values) for values in drawn],
        "trajectory": trajectory,
    }


def fields(name):
    return [field for field in inspect.signature(getattr(diffusers.schedulers, name).__init__).parameters if field != "self"]


scheduling_dpmsolver_sde.BrownianTreeNoiseSampler = BrownianPath
cases = []
for seed, (name, steps, config, *options) in enumerate(CASES):
    case = run(name, steps, config, seed, *options)
    if any(value != value for state in case["trajectory"] for value in state):
        print("not a number in diffusers itself:", name, steps, config)
        continue
    cases.append(case)
folder = pathlib.Path(__file__).parent
source = f"diffusers {diffusers.__version__}"
(folder / "diffusers-cases.json").write_text(json.dumps({"source": source, "images": SHAPE[0], "cases": cases}) + "\n")
used = sorted({case["scheduler"] for case in cases})
every = sorted(name for name in dir(diffusers.schedulers) if hasattr(getattr(diffusers.schedulers, name), "set_timesteps"))
listed = {
    "source": source,
    "classes": {name: fields(name) for name in used},
    "all": sorted({field for name in every for field in fields(name)}),
    "alignYourSteps": AysSchedules,
}
(folder / "diffusers-fields.json").write_text(json.dumps(listed) + "\n")
